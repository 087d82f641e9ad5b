"""What preflight finds of the services that the site needs."""

import socketserver
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from django.core.management import call_command
from django.db import connections
from pytest_django import Settings

from ops.preflight.checks import services
from tests.ops.health.test_health import move_database
from tests.ops.preflight.conftest import Authority, look


@pytest.mark.servers
@pytest.mark.django_db(transaction=True)
class TestDatabase:
    def test_it_is_well(self) -> None:
        severity, message, _ = look("database")
        assert (severity, message.startswith("PostgreSQL ")) == ("ok", True)

    def test_nobody_listens(self, monkeypatch: pytest.MonkeyPatch, refusing_server: str) -> None:
        move_database(monkeypatch, refusing_server)
        severity, message, hint = look("database")
        assert (severity, "onnection refused" in message) == ("error", True)
        assert "DATABASE_URL" in hint
        # What depends on it says so, and no more.
        assert look("migrations")[0] == "note"

    def test_it_hangs(self, monkeypatch: pytest.MonkeyPatch, frozen_server: str) -> None:
        move_database(monkeypatch, frozen_server)
        start = time.monotonic()
        assert look("database")[0] == "error"
        assert time.monotonic() - start < 12

    def test_the_password_is_wrong_and_is_not_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(connections["default"].settings_dict, "PASSWORD", "hunter2-and-more")
        # On a machine that believes anybody there is nothing to see.
        assert "hunter2" not in "".join(look("database"))

    def test_it_is_too_old(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(services, "OLDEST", 99)
        severity, message, hint = look("database")
        assert (severity, "too old" in message, "PostgreSQL 99 or newer" in hint) == ("error", True, True)

    def test_it_refuses_to_write(self, monkeypatch: pytest.MonkeyPatch) -> None:
        options = connections["default"].settings_dict["OPTIONS"]
        monkeypatch.setitem(options, "options", "-c default_transaction_read_only=on")
        severity, message, hint = look("database")
        assert (severity, "refuses to write" in message) == ("error", True)
        assert hint.endswith("read_only off")

    def test_a_migration_is_missing(self) -> None:
        assert look("migrations")[0] == "ok"
        call_command("migrate", "sessions", "zero", verbosity=0)
        try:
            severity, message, hint = look("migrations")
            assert (severity, "sessions.0001_initial" in message) == ("error", True)
            assert hint.endswith(" migrate")
        finally:
            call_command("migrate", "sessions", verbosity=0)


def test_another_database_than_postgresql_is_told(settings: Settings, transactional_db: None) -> None:
    if connections["default"].vendor == "sqlite":
        severity, message, hint = look("database")
        assert (severity, message, "DATABASE_URL" in hint) == ("error", "The database is SQLite.", True)


class TestCache:
    @pytest.mark.servers
    def test_it_is_well(self) -> None:
        assert look("cache")[:2] == ("ok", "RedisCache was written to and read.")

    @pytest.mark.parametrize("state", ["refusing", "frozen"])
    def test_it_does_not_answer(self, settings: Settings, refusing_server: str, frozen_server: str, state: str) -> None:
        place = refusing_server if state == "refusing" else frozen_server
        settings.CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": f"redis://:hunter2-and-more@{place}/0",
                "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1, "retry": None},
            }
        }
        severity, message, hint = look("cache")
        assert (severity, "does not respond" in message, "REDIS_URL" in hint) == ("error", True, True)
        assert "hunter2" not in message

    def test_it_forgets(self, settings: Settings) -> None:
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
        assert look("cache")[:2] == ("error", "DummyCache has lost a value that was just written.")

    def test_it_is_in_memory(self, settings: Settings) -> None:
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
        severity, _, hint = look("cache")
        assert (severity, "REDIS_URL" in hint) == ("error", True)


class MailServer(socketserver.ThreadingTCPServer):
    """A mail server that takes one password, and no e-mail."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext) -> None:
        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.say("220 mail")
                while line := self.rfile.readline().decode().strip():
                    command = line.upper()
                    if command.startswith("EHLO"):
                        self.say("250-mail\r\n250-STARTTLS\r\n250 AUTH PLAIN")
                    elif command == "STARTTLS":
                        self.say("220 go on")
                        encrypted = context.wrap_socket(self.request, server_side=True)
                        self.rfile, self.wfile = encrypted.makefile("rb"), encrypted.makefile("wb")
                    elif command.startswith("AUTH PLAIN"):
                        # "site" and "right", as base64.
                        self.say("235 come in" if line.endswith("AHNpdGUAcmlnaHQ=") else "535 no")
                    elif command == "QUIT":
                        self.say("221 good bye")
                        return
                    else:
                        self.say("500 no e-mail")

            def say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())
                self.wfile.flush()

        super().__init__(("127.0.0.1", 0), Session)

    def handle_error(self, *arguments: object) -> None:
        """Say nothing of whoever hangs up."""


class TestEmail:
    @pytest.fixture
    def configure(self, authority: Authority, settings: Settings) -> Iterator[Callable[..., None]]:
        """Let the settings name the server; ``options`` are other than they should be."""
        with MailServer(authority.sign(30, "localhost")) as server:
            Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

            def change(**options: object) -> None:
                right = {"host": "localhost", "port": server.server_address[1], "use_tls": True, "timeout": 5}
                mailer = right | {"username": "site", "password": "right"} | options
                backend = "django.core.mail.backends.smtp.EmailBackend"
                settings.MAILERS = {"default": {"BACKEND": backend, "OPTIONS": mailer}}

            yield change
            server.shutdown()

    def test_it_encrypts_and_lets_in(self, configure: Callable[..., None]) -> None:
        configure()
        severity, message, _ = look("email")
        assert (severity, message.endswith("responds with STARTTLS, and lets its user in.")) == ("ok", True), message

    def test_it_refuses_the_password(self, configure: Callable[..., None]) -> None:
        configure(password="hunter2-and-more")
        severity, message, hint = look("email")
        assert (severity, "refuses user or password (status 535)" in message) == ("error", True)
        assert "EMAIL_HOST_PASSWORD" in hint
        assert "hunter2" not in message + hint

    def test_its_certificate_is_not_trusted(
        self, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "nobody.pem").touch()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nobody.pem"))
        configure()
        severity, message, _ = look("email")
        assert (severity, "certificate verify failed" in message) == ("error", True)

    def test_nobody_listens(self, configure: Callable[..., None], refusing_server: str) -> None:
        configure(host="127.0.0.1", port=int(refusing_server.partition(":")[2]))
        severity, message, hint = look("email")
        assert (severity, "cannot be used: " in message, "EMAIL_HOST" in hint) == ("error", True, True)

    def test_it_hangs(
        self, configure: Callable[..., None], frozen_server: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ops.preflight.checks.mail.TIMEOUT", 0.5)
        configure(host="127.0.0.1", port=int(frozen_server.partition(":")[2]))
        assert look("email")[0] == "error"

    def test_the_password_travels_in_the_open(
        self, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        configure(use_tls=False)
        assert look("email")[0] == "ok"
        monkeypatch.setattr("ops.preflight.checks.mail.OWN", set())
        severity, message, hint = look("email")
        assert (severity, "unencrypted" in message, "EMAIL_USE_TLS=true" in hint) == ("warning", True, True)

    def test_a_service_that_can_only_send_is_not_asked(self, settings: Settings) -> None:
        settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
        severity, message, hint = look("email")
        assert (severity, "Skipped: " in message, "sendtestemail" in hint) == ("note", True, True)

    def test_no_server_is_named(self, configure: Callable[..., None]) -> None:
        configure(host="")
        assert look("email")[:2] == ("error", "There is no mail server: EMAIL_HOST is empty.")
