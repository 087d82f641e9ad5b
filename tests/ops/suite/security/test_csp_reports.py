"""What comes of the reports that browsers send of the Content Security Policy."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from ops.security import csp_reports

Logged = Callable[[], list[dict[str, Any]]]

REPORT = {
    "document-uri": "https://example.com/orders/?token=hunter2",
    "referrer": "https://example.com/?token=hunter2",
    "violated-directive": "script-src-elem",
    "effective-directive": "script-src-elem",
    "original-policy": "default-src 'none'",
    "disposition": "enforce",
    "blocked-uri": "https://user:hunter2@evil.example/x.js#hunter2",
    "source-file": "https://example.com/static/a.js?hunter2",
    "line-number": 7,
    "script-sample": "hunter2",
}
NEWER = {
    "documentURL": REPORT["document-uri"],
    "effectiveDirective": "script-src-elem",
    "originalPolicy": "default-src 'none'",
    "disposition": "enforce",
    "blockedURL": REPORT["blocked-uri"],
    "sourceFile": REPORT["source-file"],
    "lineNumber": 7,
    "sample": "hunter2",
}
LINE = {
    "document": "https://example.com/orders/",
    "directive": "script-src-elem",
    "blocked": "https://[redacted]@evil.example/x.js",
    "source": "https://example.com/static/a.js",
    "line": 7,
    "disposition": "enforce",
}
FORMATS = [
    ("application/csp-report", {"csp-report": REPORT}),
    ("application/reports+json", [{"type": "deprecation", "body": {}}, {"type": "csp-violation", "body": NEWER}]),
]


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count anew for each test."""
    monkeypatch.setattr(csp_reports, "limit", csp_reports.Limit(3))


def send(data: Any, kind: str = "application/csp-report") -> tuple[int, bytes]:
    """Send what a browser may, and return what it is answered."""
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    response = Client(enforce_csrf_checks=True).post("/csp-report/", body, content_type=kind)
    return response.status_code, response.content


def violations(logged: Logged) -> list[dict[str, Any]]:
    """Return the lines of violations."""
    return [line for line in logged() if line["event"] == "csp_violation"]


@pytest.mark.parametrize(("kind", "report"), FORMATS, ids=["report-uri", "report-to"])
def test_a_violation_is_one_warning_without_what_is_secret(logged: Logged, kind: str, report: Any) -> None:
    assert send(report, kind) == (204, b"")
    [line] = violations(logged)
    assert {name: line[name] for name in LINE} == LINE
    assert line["level"] == "warning"
    assert "hunter2" not in json.dumps(line)


def test_what_is_read_only_takes_them_too(logged: Logged, settings: Settings) -> None:
    settings.READ_ONLY_MODE = True
    assert send({"csp-report": REPORT}) == (204, b"")
    assert len(violations(logged)) == 1


def test_an_older_browser_names_the_directive_with_its_sources(logged: Logged) -> None:
    assert send({"csp-report": {"violated-directive": "img-src 'self'", "blocked-uri": "data"}})[0] == 204
    [line] = violations(logged)
    assert (line["directive"], line["blocked"]) == ("img-src", "data")


def test_what_is_long_is_cut_and_what_is_no_text_left_out(logged: Logged) -> None:
    assert send({"csp-report": {"document-uri": "/" + "a" * 9999, "blocked-uri": {"a": [1]}}})[0] == 204
    [line] = violations(logged)
    assert line["document"] == "/" + "a" * 199
    assert "blocked" not in line


def test_a_report_that_is_too_large_is_refused(logged: Logged) -> None:
    assert send(b" " * (16 * 1024 + 1))[0] == 413
    whole = json.dumps({"csp-report": REPORT}).encode()
    assert send(whole + b" " * (16 * 1024 - len(whole)))[0] == 204
    assert len(violations(logged)) == 1


def test_no_more_than_so_many_are_logged_in_a_minute(logged: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 600.0
    monkeypatch.setattr(csp_reports, "time", SimpleNamespace(monotonic=lambda: now))
    assert [send({"csp-report": REPORT})[0] for _ in range(5)] == [204, 204, 204, 429, 429]
    assert send([{"type": "csp-violation", "body": NEWER}] * 9, "application/reports+json")[0] == 429
    assert len(violations(logged)) == 3
    now = 660.0
    assert send([{"type": "csp-violation", "body": NEWER}] * 9, "application/reports+json")[0] == 429
    assert len(violations(logged)) == 6


@pytest.mark.parametrize(
    "data",
    [
        *(b" ", b"{", b"\xff", b"[" * 9000, b"null", b"7", {}, {"csp-report": 7}, [7], [{"type": "csp-violation"}]),
        [{"type": "csp-violation", "body": 7}],
    ],
)
def test_what_is_no_report_is_refused(logged: Logged, data: Any) -> None:
    assert send(data) == (400, b"This is no report of a browser.")
    assert violations(logged) == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json"])
def test_what_no_browser_sends_as_a_report_is_refused(kind: str) -> None:
    assert send({"csp-report": REPORT}, kind)[0] == 415
