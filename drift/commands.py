"""How the user runs drift, for messages that name a command."""

import os

# What a project's ``make drift`` sets, in which {} stands for the arguments.
VARIABLE = "DRIFT_COMMAND"


def command(arguments: str) -> str:
    """Return the command that runs drift with ``arguments``."""
    return os.environ.get(VARIABLE, "drift {}").replace("{}", arguments)
