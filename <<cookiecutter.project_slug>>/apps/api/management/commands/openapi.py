"""The schema of the API as a file, which the repository has."""

from argparse import ArgumentParser
from io import StringIO
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Writes openapi.json, or looks whether it says what the code does. A warning of the generator is an error."""

    help = "Write the schema of the API to openapi.json."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whether to look only."""
        parser.add_argument("--check", action="store_true", help="write nothing; fail when the file is out of date")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        """Write the file, or compare it."""
        path = settings.BASE_DIR / "openapi.json"
        output = StringIO()
        # In one language, whichever the site has.
        call_command("spectacular", format="openapi-json", lang="en", validate=True, fail_on_warn=True, stdout=output)
        text = output.getvalue().strip() + "\n"
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            raise CommandError("openapi.json differs from the code. Run make openapi, and review the changes.")
