"""A release: its documents, its checks, its tag. docs/maintainers/planning/releases/README.md leads through one."""
