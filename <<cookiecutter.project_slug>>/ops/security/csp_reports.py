"""Takes what browsers report of the Content Security Policy, and logs it. It changes nothing."""

import json
import logging
import threading
import time
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

logger = logging.getLogger(__name__)

# Bytes of a request's body.
LARGEST = 16 * 1024
# Letters of what is logged under one name.
LONGEST = 200
# What is logged, by its name in application/reports+json and in application/csp-report.
FIELDS = {
    "document": ("documentURL", "document-uri"),
    "directive": ("effectiveDirective", "effective-directive"),
    "blocked": ("blockedURL", "blocked-uri"),
    "source": ("sourceFile", "source-file"),
    "line": ("lineNumber", "line-number"),
    "disposition": ("disposition", "disposition"),
}


class Limit:
    """Lets so many through in a minute, in this process; anybody can send reports, and a log must not be filled."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.lock = threading.Lock()
        self.minute = self.count = 0

    def lets_through(self) -> bool:
        """Count one more, and say whether it is still among those of this minute."""
        minute = int(time.monotonic() // 60)
        with self.lock:
            if minute != self.minute:
                self.minute, self.count = minute, 0
            self.count += 1
            return self.count <= self.most


limit = Limit(60)


@csrf_exempt
@require_POST
def csp_report(request: HttpRequest) -> HttpResponse:
    """Log each violation that a browser reports, and answer 204; else say what is wrong with the request."""
    if request.content_type not in ("application/csp-report", "application/reports+json"):
        return HttpResponse(status=415)
    body = request.read(LARGEST + 1)
    if len(body) > LARGEST:
        return HttpResponse(status=413)
    try:
        found = violations(json.loads(body))
    except (ValueError, RecursionError):
        return HttpResponse("This is no report of a browser.", status=400, content_type="text/plain")
    for violation in found:
        if not limit.lets_through():
            return HttpResponse(status=429, headers={"Retry-After": "60"})
        logger.warning("csp_violation", extra=described(violation))
    return HttpResponse(status=204)


def violations(report: Any) -> list[dict[str, Any]]:
    """Return the violations in a request's JSON, of either format; raise ValueError when it has neither form."""
    if isinstance(report, dict) and isinstance(report.get("csp-report"), dict):
        return [report["csp-report"]]
    if isinstance(report, list) and all(isinstance(item, dict) for item in report):
        bodies = [item.get("body") for item in report if item.get("type") == "csp-violation"]
        if all(isinstance(body, dict) for body in bodies):
            return bodies
    raise ValueError("neither format")


def described(violation: dict[str, Any]) -> dict[str, str | int]:
    """Return what is logged of a violation: short, and URLs without their query, which may hold secrets."""
    line: dict[str, str | int] = {}
    for name, aliases in FIELDS.items():
        value = next((violation[alias] for alias in aliases if alias in violation), None)
        if isinstance(value, str):
            line[name] = value.partition("?")[0].partition("#")[0][:LONGEST]
        elif type(value) is int:
            line[name] = value
    # Older browsers name the directive with all that the policy says of it.
    if "directive" not in line and isinstance(value := violation.get("violated-directive"), str):
        line["directive"] = value.partition(" ")[0][:LONGEST]
    return line
