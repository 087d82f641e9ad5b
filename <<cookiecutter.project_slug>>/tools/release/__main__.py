"""The command line: ``python -m tools.release new|check|tag VERSION``, and ``migrations`` for make check-migrations.

A failure ends with what a person has to put right and status 1.
"""

import os
import sys

import django
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

from ops.signals import exit_on_signals
from tools.release import commands
from tools.release.project import ReleaseError, parse

OF_A_VERSION = {"new": commands.new, "check": commands.check, "tag": commands.tag}
USAGE = "Usage: python -m tools.release new|check|tag VERSION, or: python -m tools.release migrations"


def run(arguments: list[str]) -> None:
    """Run the command that the arguments name."""
    match arguments:
        case ["migrations"]:
            commands.report_migrations()
        case [command, version] if command in OF_A_VERSION:
            OF_A_VERSION[command](parse(version))
        case _:
            raise ReleaseError(USAGE)


def main() -> None:
    """Run the command line; say a refusal, by whichever part, without a traceback."""
    # Not those of development, which a developer's .env changes. The commands that check a release have their own.
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
    try:
        with exit_on_signals():
            django.setup()
            del os.environ["DJANGO_SETTINGS_MODULE"]
            run(sys.argv[1:])
    except (ReleaseError, ImproperlyConfigured, OperationalError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
