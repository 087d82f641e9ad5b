"""Make an environment file for production: ``new_env.py FILE``, from .env.production.template, with fresh secrets.

Prints what is left to fill in, and never a secret. A file that is there is left alone, and the status is 1. Runs with
Python 3.11 or newer and nothing besides.
"""

import os
import re
import secrets
import shlex
import sys
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[3] / ".env.production.template"


def with_secrets(text: str) -> str:
    """Return the template ``text`` with secrets that nobody has seen in place of four of its placeholders."""
    # The passwords become a part of URLs, so they have nothing that is special there.
    fresh = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "POSTGRES_PASSWORD": secrets.token_hex(24),
        "REDIS_PASSWORD": secrets.token_hex(24),
        "OPERATOR_TOKEN": secrets.token_hex(24),
    }
    for name, secret in fresh.items():
        text = re.sub(rf"^{name}=CHANGE_ME$", f"{name}={secret}", text, flags=re.MULTILINE)
    return text


def write_new(path: Path, text: str) -> None:
    """Write ``text`` to a new file that its owner alone may read; raise OSError, and leave nothing, when it fails."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except BaseException:
        path.unlink()
        raise


def main() -> None:
    """Write the file that the command line names, and say what is left to fill in."""
    if len(sys.argv) != 2:
        sys.exit("Usage: new_env.py FILE")
    path = Path(sys.argv[1])
    text = with_secrets(TEMPLATE.read_text(encoding="utf-8"))
    try:
        write_new(path, text)
    except FileExistsError:
        sys.exit(f"Error: {path} is there already and stays as it is; for a new one, move it away first.")
    except OSError as error:
        sys.exit(f"Error: {path} cannot be written: {error.strerror}.")
    missing = re.findall(r"^([A-Z0-9_]+)=CHANGE_ME$", text, flags=re.MULTILINE)
    print(f"Made {path} with fresh secrets; its owner alone may read it.")
    if missing:
        print(f"Fill in {', '.join(missing)} in it.")
    print(f"Then check it with: make check-env FILE={shlex.quote(str(path))}")


if __name__ == "__main__":
    main()
