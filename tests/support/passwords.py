"""Passwords that a careless reader of environment files changes, and the project's command that writes them."""

import string
import subprocess
import sys

from tests.conftest import Project

PRINTABLE = string.ascii_letters + string.digits + string.punctuation
VALUES = [
    *(
        "plain",
        "",
        " a ",
        "a b",
        "it's",
        '"',
        "'",
        "\\",
        "a\\",
        "'\\",
        "\\'",
        "\\n",
        "a\\\\b'",
        "$HOME",
        "$$",
        "${HOME}",
    ),
    *(
        "'$HOME",
        "`id`",
        "'`id`",
        "$(id)",
        "a#b",
        " #",
        "'#\"",
        "a;b&c|d",
        "~",
        "!x",
        "%s%%",
        "é€'",
        PRINTABLE,
        PRINTABLE[::-1],
    ),
]


def write(project: Project, file: str) -> dict[str, str]:
    """Write each of VALUES to an environment file of a project with its command; return them by variable."""
    values = {f"VALUE_{number}": value for number, value in enumerate(VALUES)}
    (project.path / file).touch()
    for name, value in values.items():
        command = [sys.executable, "config/settings/variables.py", file, name]
        result = subprocess.run(
            command, cwd=project.path, input=f"{value}\n", capture_output=True, text=True, check=False
        )
        assert (result.returncode, result.stderr) == (0, ""), (name, result.stderr)
        assert value not in result.stdout or len(value) < 3
    return values
