"""What preflight finds at the site itself, asked over HTTPS."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django import Settings

from tests.ops.health.test_health import move_database
from tests.ops.preflight.conftest import Site, look


class TestCertificate:
    def test_it_is_well(self, serve: Callable[..., Site], settings: Settings) -> None:
        settings.ALLOWED_HOSTS = ["localhost", "www.example.com"]
        site = serve(60, ("localhost", "*.example.com"))
        severity, message, _ = look("certificate", site.url)
        assert (severity, message) == ("ok", "The certificate holds localhost, *.example.com and has 59 days left.")

    @pytest.mark.parametrize(("days", "expected"), [(5, "error"), (8, "error"), (15, "warning"), (22, "warning")])
    def test_it_ends_soon(self, serve: Callable[..., Site], days: int, expected: str, settings: Settings) -> None:
        settings.ALLOWED_HOSTS = ["localhost"]
        severity, message, hint = look("certificate", serve(days).url)
        assert severity == expected
        assert f"has {days - 1} days left" in message
        assert "enew" in hint

    def test_a_name_is_not_in_it(self, serve: Callable[..., Site], settings: Settings) -> None:
        settings.ALLOWED_HOSTS = ["localhost", "www.example.com", "10.1.2.3", ".example.org"]
        severity, message, _ = look("certificate", serve().url)
        assert (severity, message) == ("warning", "The certificate holds localhost, and not www.example.com.")

    def test_nobody_vouches_for_it(
        self, serve: Callable[..., Site], settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        settings.ALLOWED_HOSTS = ["localhost"]
        site = serve()
        (tmp_path / "nobody.pem").touch()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nobody.pem"))
        severity, message, hint = look("certificate", site.url)
        assert severity == "error"
        assert "localhost has a certificate that is not trusted: " in message
        assert "localhost" in hint
        # Neither is the token sent there.
        assert look("site", site.url)[0] == "error"
        assert look("proxy", site.url)[0] == "note"

    def test_it_is_for_another_name(self, serve: Callable[..., Site], settings: Settings) -> None:
        settings.ALLOWED_HOSTS = ["localhost"]
        severity, message, _ = look("certificate", serve(60, ("other.example.com",)).url)
        assert severity == "error"
        assert "ostname mismatch" in message

    def test_nobody_listens(self, settings: Settings, refusing_server: str) -> None:
        settings.ALLOWED_HOSTS = ["127.0.0.1"]
        severity, message, _ = look("certificate", f"https://{refusing_server}")
        assert severity == "error"
        assert f"{refusing_server} shows no certificate: " in message


class TestSite:
    def test_it_is_well(self, site: Site) -> None:
        assert look("site", site.url)[0] == "ok"

    def test_the_application_does_not_see_https(self, site: Site) -> None:
        site.front.scheme = "http"
        severity, message, hint = look("site", site.url)
        assert severity == "error"
        assert "leads to itself without end" in message
        assert hint

    def test_it_leads_elsewhere(self, site: Site, settings: Settings) -> None:
        settings.SECURE_SSL_HOST = "www.example.com"
        site.front.scheme = "http"
        severity, message, hint = look("site", site.url)
        assert severity == "error"
        assert message == f"{site.url}/ leads elsewhere, to https://www.example.com/."
        assert "ALLOWED_HOSTS" in hint

    def test_the_first_page_fails(self, site: Site) -> None:
        site.front.statuses["/"] = 502
        assert look("site", site.url)[:2] == ("error", f"{site.url}/ responds with 502.")

    def test_it_is_not_ready(self, site: Site, settings: Settings) -> None:
        settings.READINESS_CHECKS = {"broken": "tests.ops.health.test_health.broken"}
        assert look("site", site.url)[:2] == ("error", f"{site.url}/ready/ responds with 503: broken fails.")

    def test_nobody_listens(self, settings: Settings, refusing_server: str) -> None:
        settings.ALLOWED_HOSTS = ["127.0.0.1"]
        severity, message, hint = look("site", f"https://{refusing_server}")
        assert severity == "error"
        assert "does not respond: " in message
        assert hint

    def test_it_hangs(self, settings: Settings, frozen_server: str) -> None:
        settings.ALLOWED_HOSTS = ["127.0.0.1"]
        assert look("site", f"https://{frozen_server}")[0] == "error"


class TestHsts:
    def test_a_year_is_well_and_an_hour_a_note(self, site: Site, settings: Settings) -> None:
        assert look("hsts", site.url)[0] == "ok"
        settings.SECURE_HSTS_SECONDS = 3600
        severity, message, hint = look("hsts", site.url)
        assert (severity, "3600 seconds" in message, "SECURE_HSTS_SECONDS=31536000" in hint) == ("note", True, True)

    @pytest.mark.parametrize(
        ("sent", "told"),
        [
            ([], "does not come"),
            (["max-age=31536000", "max-age=31536000"], "comes 2 times"),
            (["max-age=60; includeSubDomains"], "sends 60 seconds, and SECURE_HSTS_SECONDS is 31536000"),
        ],
    )
    def test_the_proxy_sends_another(self, site: Site, sent: list[str], told: str) -> None:
        site.front.headers["Strict-Transport-Security"] = sent
        severity, message, hint = look("hsts", site.url)
        assert (severity, told in message) == ("warning", True)
        assert hint

    def test_it_is_off(self, site: Site, settings: Settings) -> None:
        settings.SECURE_HSTS_SECONDS = 0
        assert look("hsts", site.url)[0] == "warning"


class TestProxy:
    def test_it_is_well(self, site: Site) -> None:
        severity, message, _ = look("proxy", site.url)
        assert (severity, message.endswith("and the client's own IP address.")) == ("ok", True)

    @pytest.mark.parametrize(
        ("attribute", "value", "expected", "told"),
        [
            ("scheme", "http", "error", "sees HTTP instead of HTTPS"),
            ("host", "127.0.0.1:8000", "error", "sees the host 127.0.0.1:8000 instead of localhost:"),
            ("forwarded", lambda sent: sent, "error", "trusts an X-Forwarded-For header"),
            (
                "forwarded",
                lambda sent: f"{sent}, 127.0.0.1",
                "warning",
                "keeps the X-Forwarded-For header",
            ),
            ("forwarded", lambda sent: None, "warning", "X-Forwarded-For is missing"),
            ("request_ids", ["9876543210"], "warning", "The response has 2 X-Request-ID headers"),
            ("passes_authorization", False, "warning", "does not know this OPERATOR_TOKEN"),
        ],
    )
    def test_it_is_wrong(self, site: Site, attribute: str, value: object, expected: str, told: str) -> None:
        setattr(site.front, attribute, value)
        severity, message, hint = look("proxy", site.url)
        assert (severity, told in message) == (expected, True), message
        assert hint

    def test_somebody_else_answers(self, site: Site) -> None:
        site.front.statuses["/ready/"] = 503
        assert look("proxy", site.url)[:2] == ("note", "Skipped: /ready/ responds with 503 and without checks.")
        assert look("site", site.url)[0] == "error"

    def test_nobody_is_an_operator(self, site: Site, settings: Settings) -> None:
        settings.OPERATOR_TOKEN = ""
        severity, message, hint = look("proxy", site.url)
        assert (severity, "OPERATOR_TOKEN is not set" in message) == ("note", True)
        assert "OPERATOR_TOKEN" in hint


class TestClock:
    @pytest.mark.parametrize(("late", "expected"), [(0, "ok"), (10, "warning"), (-10, "warning"), (60, "error")])
    def test_that_of_the_site_is_compared(self, site: Site, late: int, expected: str) -> None:
        site.front.late = timedelta(seconds=late)
        severity, message, hint = look("clock", site.url)
        assert severity == expected
        if expected != "ok":
            assert ("ahead of" if late > 0 else "behind") + " the site's" in message
            assert hint

    @pytest.mark.servers
    def test_that_of_the_database_is_compared(
        self, transactional_db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.ALLOWED_HOSTS = []
        assert look("clock")[:2] == ("ok", "The clock agrees with the database's.")
        now = time.time
        monkeypatch.setattr("ops.preflight.checks.host.time.time", lambda: now() - 100)
        severity, message, _ = look("clock")
        assert (severity, message) == ("error", "The clock is 100 s behind the database's.")

    @pytest.mark.django_db(transaction=True)
    def test_nobody_tells_the_time(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, refusing_server: str
    ) -> None:
        settings.ALLOWED_HOSTS = []
        if connection.vendor == "postgresql":
            move_database(monkeypatch, refusing_server)
        assert look("clock")[0] == "note"


class TestStatic:
    @pytest.fixture
    def collected(self, site: Site, settings: Settings, tmp_path: Path) -> Path:
        """The static files, as production has them, which the proxy serves."""
        settings.STATIC_ROOT = tmp_path / "static"
        manifest = {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
        settings.STORAGES = settings.STORAGES | {"staticfiles": manifest}
        call_command("collectstatic", interactive=False, verbosity=0)
        site.front.static = tmp_path / "static"
        return tmp_path / "static"

    def test_they_are_all_there(self, site: Site, collected: Path) -> None:
        severity, message, _ = look("static", site.url)
        assert (severity, "files of the manifest are there" in message) == ("ok", True)

    def test_one_is_missing(self, site: Site, collected: Path) -> None:
        [style] = (collected / "css").glob("site.*.css")
        style.unlink()
        severity, message, hint = look("static", site.url)
        assert (severity, f"are missing: css/{style.name}." in message) == ("error", True)
        assert hint

    def test_there_is_no_manifest(self, site: Site, collected: Path) -> None:
        (collected / "staticfiles.json").unlink()
        severity, message, hint = look("static", site.url)
        assert (severity, message) == ("error", "There is no staticfiles.json in STATIC_ROOT.")
        assert hint

    def test_the_proxy_does_not_find_them(self, site: Site, collected: Path, tmp_path: Path) -> None:
        site.front.static = tmp_path
        severity, message, hint = look("static", site.url)
        assert (severity, "but the site responds with 404 to /static/" in message) == ("error", True)
        assert hint

    def test_the_settings_have_none(self) -> None:
        assert look("static")[0] == "error"
