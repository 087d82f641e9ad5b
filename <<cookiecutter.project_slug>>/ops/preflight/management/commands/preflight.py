"""Checks all that a site needs before it is opened."""

import logging
import sys
from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.http.request import validate_host

from ops.contracts import Finding, Target
from ops.preflight.report import STATUSES, as_json, lines, summary, worst
from ops.preflight.runner import run

# The status of a call that was wrong; argparse has the same.
WRONG = 2


class Command(BaseCommand):
    """Prints a line for each check, and what mends it below one that fails.

    It changes nothing that stays: a value in the cache, an uploaded file and whatever else it makes is removed again.
    """

    help = (
        "Check all that a site needs before it is opened, and say how to mend what fails. The status is 0 when all is "
        "well or there are only notes, 1 when there are warnings, 2 when there are errors or the call was wrong. It "
        "ends within about 15 seconds."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what is asked, how it is told, and what is left out."""
        parser.add_argument(
            "--url",
            help="URL at which visitors reach the site; without it, https:// and the first of ALLOWED_HOSTS",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--skip",
            action="append",
            default=[],
            metavar="NAME",
            help=f"leave out a check, once for each: {', '.join(settings.PREFLIGHT_CHECKS)}",
        )

    def handle(self, *args: Any, url: str | None, json: bool, skip: list[str], **options: Any) -> None:
        """Make the checks, and end with the status of the worst finding."""
        if unknown := [name for name in skip if name not in settings.PREFLIGHT_CHECKS]:
            known = ", ".join(settings.PREFLIGHT_CHECKS)
            raise CommandError(f"--skip: unknown check {', '.join(unknown)}. Choose from {known}.", returncode=WRONG)
        target = Target(default_url() if url is None else accepted(url))
        findings: dict[str, Finding] = {}
        paths = {name: path for name, path in settings.PREFLIGHT_CHECKS.items() if name not in skip}
        # What libraries log while a check fails is told by its line, and would stand in the midst of the report.
        logging.disable(logging.CRITICAL)
        try:
            for name, finding in run(paths, target):
                findings[name] = finding
                if not json:
                    self.stdout.write(lines(name, finding, self.style))
                    self.stdout.flush()
        finally:
            logging.disable(logging.NOTSET)
        self.stdout.write(as_json(findings) if json else summary(findings))
        if status := STATUSES[worst(findings)]:
            sys.exit(status)


def default_url() -> str:
    """Return the URL of the site by its settings, or nothing when they do not tell."""
    hosts = [host for host in settings.ALLOWED_HOSTS if host != "*"]
    return f"https://{hosts[0].lstrip('.')}" if hosts else ""


def accepted(url: str) -> str:
    """Return a URL without what follows the name; raise CommandError unless it is one of the site over HTTPS.

    OPERATOR_TOKEN is sent there, which is nobody else's to see.
    """
    try:
        parts = urlsplit(url)
        is_address = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise CommandError("--url: expected https:// and a host, such as https://www.example.com.", returncode=WRONG)
    if not validate_host(parts.hostname or "", settings.ALLOWED_HOSTS):
        raise CommandError(f"--url: {parts.hostname} is not in ALLOWED_HOSTS.", returncode=WRONG)
    return f"https://{parts.netloc}"
