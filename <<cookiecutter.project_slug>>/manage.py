#!/usr/bin/env python
"""Django's command line. Without DJANGO_SETTINGS_MODULE it uses the settings for development."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import InternalError, OperationalError

from ops.postgres import is_refused_write
from ops.preflight.report import report_unusable_settings


def main() -> None:
    """Run the command; a wrong configuration, or a database that refuses, ends with its message.

    With --traceback it ends with a traceback.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, InternalError, OperationalError) as error:
        is_bug = isinstance(error, InternalError) and not is_refused_write(error)
        if is_bug or "--traceback" in sys.argv:
            raise
        if isinstance(error, ImproperlyConfigured) and sys.argv[1:2] == ["preflight"]:
            # It is in its report that settings do not load.
            sys.exit(report_unusable_settings(error, sys.argv))
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
