"""What ends the command with a sentence instead of a traceback."""


class ReleaseError(Exception):
    """What a person has to put right first: all that is shown."""
