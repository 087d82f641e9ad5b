"""Generate a project: what ``rendering`` starts, for two versions of a template cannot share a process.

Reads a JSON object with ``template``, ``answers``, ``hooks``, ``folder`` and ``configuration`` from standard input.
"""

import json
import logging
import sys

from cookiecutter.exceptions import CookiecutterException
from cookiecutter.main import cookiecutter
from jinja2 import TemplateError


def main() -> None:
    """Generate the project, or end with status 1 and the reason on standard error."""
    job = json.load(sys.stdin)
    logging.disable()  # a hook that refuses says why; cookiecutter would log a traceback besides
    try:
        cookiecutter(
            job["template"],
            no_input=True,
            extra_context=job["answers"],
            accept_hooks=job["hooks"],
            output_dir=job["folder"],
            config_file=job["configuration"],
        )
    except (CookiecutterException, TemplateError, OSError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
