"""A site over HTTPS on this machine, and what makes faults in it."""

import json
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.conf import settings as project
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from tests.conftest import leave_out

STATUSES = {"ok": 0, "note": 0, "warning": 1, "error": 2}


def look(name: str, url: str | None = None) -> tuple[str, str, str]:
    """Return the severity, the message and the hint of one check, as the command tells them."""
    output = StringIO()
    status = 0
    try:
        skip = [other for other in project.PREFLIGHT_CHECKS if other != name]
        call_command("preflight", url=url, json=True, skip=skip, stdout=output)
    except SystemExit as end:
        status = int(str(end.code))
    report = json.loads(output.getvalue())
    [found] = report["checks"]
    assert (found["name"], report["status"]) == (name, found["severity"])
    assert status == STATUSES[found["severity"]]
    if found["severity"] in ("warning", "error"):
        assert found["hint"]
    return found["severity"], found["message"], found["hint"] or ""


class Authority:
    """A certificate authority, and what it signs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate = folder / "authority.pem"
        self.make("authority", 30, "-subj", "/CN=authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def make(self, name: str, days: int, *options: str) -> None:
        """Make a certificate and its key."""
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-days", str(days), "-out", f"{name}.pem", "-keyout", f"{name}.key", *options]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)

    def sign(self, days: int, *hosts: str) -> ssl.SSLContext:
        """Return what a server speaks TLS with, whose certificate for ``hosts`` ends in so many days."""
        names = ",".join(f"DNS:{host}" for host in hosts)
        options = ["-subj", f"/CN={hosts[0]}", "-addext", f"subjectAltName={names}", "-CA", "authority.pem"]
        options += ["-CAkey", "authority.key", "-addext", "basicConstraints=CA:FALSE"]
        self.make("server", days, *options, "-addext", "authorityKeyIdentifier=keyid")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        return context


@pytest.fixture(scope="session")
def openssl(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority for all tests."""
    if not shutil.which("openssl"):
        leave_out("openssl is missing; install it (on Debian the package openssl).")
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def authority(openssl: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The authority, which this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(openssl.certificate))
    return openssl


class Front:
    """A proxy before the application: it does all as it should, but for what a test changes."""

    def __init__(self) -> None:
        self.scheme = "https"
        self.host: str | None = None
        self.forwarded: Callable[[str | None], str | None] = lambda sent: "127.0.0.1"
        # Request IDs in the response, besides the application's.
        self.request_ids: list[str] = []
        # What it sends in place of what the application does.
        self.headers: dict[str, list[str]] = {}
        self.late = timedelta()
        self.passes_authorization = True
        self.static: Path | None = None
        self.statuses: dict[str, int] = {}

    def answer(self, path: str, sent: Any) -> tuple[int, list[tuple[str, str]], bytes]:
        """Return status, headers and body of what a visitor gets."""
        if path in self.statuses:
            return self.statuses[path], [], b""
        if self.static and path.startswith(project.STATIC_URL):
            file = self.static / path.removeprefix(project.STATIC_URL)
            return (200, [], file.read_bytes()) if file.is_file() else (404, [], b"")
        passed = {"Host": self.host or sent["Host"], "X-Forwarded-For": self.forwarded(sent["X-Forwarded-For"])}
        if self.passes_authorization:
            passed["Authorization"] = sent["Authorization"]
        given = {name: value for name, value in passed.items() if value is not None}
        client = Client(raise_request_exception=False)
        response = client.get(path, headers=given, secure=self.scheme == "https")
        headers = [(name, value) for name, value in response.headers.items() if name not in self.headers]
        headers += [(name, value) for name, values in self.headers.items() for value in values]
        headers += [("X-Request-ID", request_id) for request_id in self.request_ids]
        return response.status_code, headers, response.content


class Quiet(ThreadingHTTPServer):
    """Says nothing of whoever hangs up."""

    def handle_error(self, *arguments: object) -> None:
        """Say nothing."""


class Site:
    """The running front, and where it is reached."""

    def __init__(self, front: Front, context: ssl.SSLContext) -> None:
        class Handler(BaseHTTPRequestHandler):
            """One request."""

            def do_GET(self) -> None:
                """Pass it on."""
                status, headers, body = front.answer(self.path, self.headers)
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def date_time_string(self, timestamp: float | None = None) -> str:
                """Tell the time of this server's clock."""
                return format_datetime(datetime.now(UTC) - front.late, usegmt=True)

            def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
                """Say nothing."""

        self.front = front
        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_port}"
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """End it."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def serve(authority: Authority) -> Iterator[Callable[..., Site]]:
    """Start a site, whose certificate ends in so many days."""
    running = []

    def start(days: int = 60, hosts: tuple[str, ...] = ("localhost",)) -> Site:
        running.append(Site(Front(), authority.sign(days, *hosts)))
        return running[-1]

    yield start
    for site in running:
        site.stop()


@pytest.fixture
def site(serve: Callable[..., Site], settings: Settings, transactional_db: None) -> Site:
    """A site that is as it should be."""
    settings.ALLOWED_HOSTS = ["localhost"]
    settings.OPERATOR_TOKEN = "a-token-of-the-tests"
    settings.SECURE_HSTS_SECONDS = 31536000
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_REDIRECT_EXEMPT = [r"^health/$", r"^ready/$"]
    return serve()
