"""``make drift``: compare the project with the template that it was generated from, by the template's own command.

It is installed apart from what the project pins, from where .cookiecutter.json says the template is: only the newest
one knows what the template has become. So the template's code is run, as when the project was generated.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

RECORD = Path(".cookiecutter.json")
# Where the command is installed when there is no uv, which has a place of its own.
ENVIRONMENT = Path(".venv/drift")
# As cookiecutter, to which the address was given, abbreviates them.
ABBREVIATIONS = {
    "gh": "https://github.com/{}.git",
    "gl": "https://gitlab.com/{}.git",
    "bb": "https://bitbucket.org/{}",
}


class RecordError(Exception):
    """What a person has to put right in .cookiecutter.json first: all that is shown."""


def template() -> str:
    """Return the address of the template; raise RecordError when it is not recorded."""
    try:
        record = json.loads(RECORD.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecordError(f"{RECORD} is missing. Restore it from the last commit that had it.") from None
    except OSError as error:
        raise RecordError(f"{RECORD} cannot be read ({error.strerror}). Make it a file that you may read.") from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{RECORD} is not JSON ({error}). Restore it from the last commit that had it.") from None
    address = record.get("template") if isinstance(record, dict) else None
    if not isinstance(address, str) or not address:
        raise RecordError(f'{RECORD} has no "template"; set it to the address of the template, such as a URL.')
    return address


def requirement(address: str) -> str:
    """Return what pip and uv install for a template's address; raise RecordError for a path where nothing is."""
    prefix, _, name = address.partition(":")
    if prefix in ABBREVIATIONS:
        return f"git+{ABBREVIATIONS[prefix].format(name)}"
    if "://" in address:
        return address if address.startswith("git+") else f"git+{address}"
    if by_ssh := re.fullmatch(r"([\w.-]+@[\w.-]+):/?(.+)", address):
        return f"git+ssh://{by_ssh[1]}/{by_ssh[2]}"
    path = Path(address).expanduser().absolute()
    if not path.is_dir():
        raise RecordError(f'The template {path} is not there; correct "template" in {RECORD}.')
    # A bare repository has no files that could be installed as they are.
    return path.as_uri() if (path / "pyproject.toml").exists() else f"git+{path.as_uri()}"


def install(wanted: str) -> None:
    """Install a requirement, with what it needs, into ENVIRONMENT; exit with 2 when that fails, which pip explains."""
    commands = [[sys.executable, "-m", "venv", str(ENVIRONMENT)]] if not (ENVIRONMENT / "bin" / "pip").exists() else []
    # By itself pip takes another commit of the same version for what is there already.
    options = ["--quiet", "--disable-pip-version-check", "--upgrade", "--force-reinstall"]
    commands.append([str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", *options, wanted])
    for command in commands:
        if subprocess.run(command, check=False).returncode != 0:  # noqa: S603
            sys.exit(2)


def main() -> None:
    """Become ``drift`` with the arguments that were given; exit with 2 when it cannot be had."""
    # Ctrl-C ends what is run here, whose end is waited for.
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        wanted = requirement(template())
    except RecordError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    command = ["uv", "tool", "run", "--from", wanted, "drift"]
    if not shutil.which("uv"):
        install(wanted)
        command = [str(ENVIRONMENT / "bin" / "drift")]
    # What its messages name.
    os.environ["DRIFT_COMMAND"] = 'make drift ARGS="{}"'
    try:
        os.execvp(command[0], [*command, *sys.argv[1:]])  # noqa: S606
    except OSError as error:
        print(f"Error: {command[0]} cannot be run: {error.strerror}. Install it, or correct {RECORD}.", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
