"""The report when the settings do not load, so that nothing else can be looked at."""

from django.core.exceptions import ImproperlyConfigured
from django.core.management.color import color_style, no_style

from ops.contracts import error
from ops.deployments import commands
from ops.preflight.report import STATUSES, as_json, lines, worst
from ops.redaction import hide_in_urls


def report(failure: ImproperlyConfigured, arguments: list[str]) -> int:
    """Print it in the form that the ``arguments`` of the command ask for, and return its status."""
    # Production's name every problem on a line of its own.
    first, *problems = str(failure).rstrip(".").split("\n  - ")
    summary = hide_in_urls("; ".join(problems) or first)
    message = f"The settings do not load, so no other check ran: {summary}."
    hint = f"Put right what is named in {commands().settings}. {commands().apply}"
    findings = {"settings": error(message, hint)}
    if "--json" in arguments:
        print(as_json(findings))
    else:
        style = no_style() if "--no-color" in arguments else color_style()
        print(lines("settings", findings["settings"], style))
    return STATUSES[worst(findings)]
