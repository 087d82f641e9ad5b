"""Findings as lines for people, or as JSON. It needs no settings."""

import json
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.color import color_style, no_style

from ops.contracts import Finding, Severity, error
from ops.deployments import commands
from ops.redaction import hide_in_urls

# Of the command.
STATUSES = {Severity.OK: 0, Severity.NOTE: 0, Severity.WARNING: 1, Severity.ERROR: 2}
WIDTH = 12


def worst(findings: Mapping[str, Finding]) -> Severity:
    """Return the severity of the worst."""
    return max((finding.severity for finding in findings.values()), default=Severity.OK)


def lines(name: str, finding: Finding, style: Any) -> str:
    """Return the line of a check, with its hint below. ``style`` is that of a command."""
    colour = {
        Severity.OK: style.SUCCESS,
        Severity.NOTE: style.HTTP_INFO,
        Severity.WARNING: style.WARNING,
        Severity.ERROR: style.ERROR,
    }[finding.severity]
    word = colour(f"{finding.severity.name:7}")
    text = f"{word}  {name:{WIDTH}} {finding.message}"
    if finding.hint:
        text += f"\n{'':{7 + 2 + WIDTH}} -> {finding.hint}"
    return text


def summary(findings: Mapping[str, Finding]) -> str:
    """Return the last line: how many there are of what."""
    counts = dict.fromkeys(Severity, 0)
    for finding in findings.values():
        counts[finding.severity] += 1
    parts = ", ".join(f"{count} {severity.name}" for severity, count in counts.items() if count)
    return f"{len(findings)} checks: {parts}."


def as_json(findings: Mapping[str, Finding]) -> str:
    """Return all of it as one JSON object."""
    checks = [
        {
            "name": name,
            "severity": finding.severity.name.lower(),
            "message": finding.message,
            "hint": finding.hint or None,
        }
        for name, finding in findings.items()
    ]
    return json.dumps({"status": worst(findings).name.lower(), "checks": checks}, ensure_ascii=False, indent=2)


def report_unusable_settings(failure: ImproperlyConfigured, arguments: list[str]) -> int:
    """Print the report when the settings do not load, in the form that ``arguments`` ask for; return its status."""
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
