"""What ends a command."""


class DriftError(Exception):
    """Something that the user has to put right; its text says what is wrong and what would be right."""
