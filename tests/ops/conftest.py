"""The suite runs in a generated project; here are only the tests that run it."""

collect_ignore = ["suite"]
