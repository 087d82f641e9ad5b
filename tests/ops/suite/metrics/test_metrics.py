"""What Prometheus is told, and nobody else."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.cache.backends.base import InvalidCacheBackendError
from django.db import DatabaseError, connection
from django.test import Client
from django.utils.module_loading import import_string
from pytest_django import Settings

from ops.contracts import Sample
from ops.observability.metrics.exposition import families
from ops.read_only_state import lock

pytestmark = pytest.mark.django_db(transaction=True)

OPERATOR = {"Authorization": "Bearer token"}


@pytest.fixture(autouse=True)
def operator(settings: Settings, tmp_path: Path) -> None:
    """There is a token, and there are neither backups nor a read-only mode."""
    settings.OPERATOR_TOKEN = "token"
    settings.BACKUPS_DIR = tmp_path
    settings.READ_ONLY_LOCK_FILE = tmp_path / "lock"


def told(client: Client) -> dict[str, float]:
    """Return what Prometheus is told: values by names with their labels."""
    response = client.get("/metrics/", headers=OPERATOR | {"host": "10.1.2.3:8000"})
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    lines = [line for line in response.content.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def grown(client: Client, before: dict[str, float], name: str) -> dict[str, float]:
    """Return by how much values of a metric have grown since, by their labels, leaving out those that have not."""
    after = {sample: value - before.get(sample, 0) for sample, value in told(client).items()}
    return {re.sub(r"^\w+", "", sample): value for sample, value in after.items() if sample.startswith(name) and value}


@pytest.mark.parametrize("sent", [{}, {"Authorization": "Bearer "}, {"Authorization": "Bearer other"}])
def test_nobody_else_is_told_that_there_is_such_an_address(
    client: Client, settings: Settings, sent: dict[str, str]
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    page = client.get("/nowhere/", secure=True).content
    for host in ("testserver", "10.1.2.3:8000"):
        response = client.get("/metrics/", headers=sent | {"host": host})
        assert (response.status_code, response.content) == (404, page)
    assert client.post("/metrics/", headers=OPERATOR).status_code == 404


def test_without_a_token_nobody_is_an_operator(client: Client, settings: Settings) -> None:
    settings.OPERATOR_TOKEN = ""
    assert client.get("/metrics/", headers={"Authorization": "Bearer "}).status_code == 404


def test_requests_are_counted_by_their_view_and_never_by_their_path(client: Client, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    before = told(client)
    for number in range(5):
        client.get("/", secure=True)
        client.get(f"/nowhere-{number}/", secure=True)
        client.generic(f"BREW{number}", "/", secure=True)
        # Answered by a middleware, before the view is looked for.
        client.get(f"/admin/login/?{number}")
        client.get("/health/", secure=True)
    assert grown(client, before, "site_requests_total") == {
        '{method="GET",status="200",view="home"}': 5,
        '{method="GET",status="404",view="none"}': 5,
        '{method="other",status="405",view="home"}': 5,
        '{method="GET",status="301",view="admin:login"}': 5,
        '{method="GET",status="200",view="health"}': 5,
    }
    assert told(client)["site_requests_in_progress"] == 0


def test_time_is_measured(client: Client) -> None:
    before = told(client)
    client.get("/")
    assert grown(client, before, "site_request_duration_seconds_count") == {'{method="GET",view="home"}': 1}
    [seconds] = grown(client, before, "site_request_duration_seconds_sum").values()
    assert 0 < seconds < 10


def test_queries_are_counted_and_those_that_fail(client: Client) -> None:
    client.get("/")
    before = told(client)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        with pytest.raises(DatabaseError):
            cursor.execute("SELECT nonsense")
    assert grown(client, before, "site_database_query_errors_total") == {"": 1}
    assert grown(client, before, "site_database_query_duration_seconds_count")[""] >= 2


@pytest.mark.servers
def test_what_the_cache_finds_is_counted(client: Client) -> None:
    before = told(client)
    cache.delete("absent")
    cache.set("present", None)
    assert cache.get("absent", "default") == "default"
    assert cache.get("present", "default") is None
    assert cache.get_many(key for key in ("present", "absent")) == {"present": None}
    # One hit more is /ready/'s own.
    assert grown(client, before, "site_cache_reads_total") == {'{result="hit"}': 3, '{result="miss"}': 2}


def test_services_are_told(client: Client, settings: Settings) -> None:
    settings.READINESS_CHECKS = {
        "database": "ops.probes.check_database",
        "cache": "tests.ops.metrics.test_metrics.broken",
    }
    found = told(client)
    assert found['site_service_up{service="database"}'] == 1
    assert found['site_service_up{service="cache"}'] == 0


def broken() -> Iterator[Sample]:
    """Fail, as what is asked may."""
    raise InvalidCacheBackendError("nothing to tell")


def test_failing_collector_loses_only_its_own_samples(
    client: Client, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.METRICS_COLLECTORS = settings.METRICS_COLLECTORS | {"broken": "tests.ops.metrics.test_metrics.broken"}
    found = told(client)
    assert found['site_collector_up{source="broken"}'] == 0
    assert found['site_collector_up{source="backups"}'] == 1
    assert "The metrics of broken cannot be read: nothing to tell" in caplog.text


def test_the_backups_are_told(client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.BACKUPS_MAX_AGE_HOURS = 26
    found = told(client)
    assert (found["site_backups"], found["site_backup_failed"], found["site_backup_max_age_seconds"]) == (0, 0, 93600)
    assert "site_backup_age_seconds" not in found
    for hours in (1, 30):
        begun = datetime.now(tz=UTC) - timedelta(hours=hours)
        path = tmp_path / f"backup_{begun:%Y%m%d_%H%M%S}.sql.gz"
        path.touch()
        path.with_name(f"{path.name}.sha256").write_text(f"{'0' * 64}  {path.name}\n")
    path.with_name(path.name.replace(".sql.gz", ".verified")).write_text(f"{'0' * 64} {begun.isoformat()}\n")
    (tmp_path / "failure.json").write_text("{}")
    found = told(client)
    assert (found["site_backups"], found["site_backup_failed"]) == (2, 1)
    assert found["site_backup_age_seconds"] == pytest.approx(3600, abs=60)
    assert found["site_backup_verified_age_seconds"] == pytest.approx(30 * 3600, abs=60)
    assert 0 < found["site_backup_disk_free_bytes"] < found["site_backup_disk_size_bytes"]


def test_the_read_only_mode_is_told(client: Client) -> None:
    assert told(client)["site_read_only"] == 0
    lock("a test")
    assert told(client)["site_read_only"] == 1


def test_every_collector_reports(client: Client, settings: Settings) -> None:
    found = told(client)
    for name, path in settings.METRICS_COLLECTORS.items():
        assert callable(import_string(path))
        assert found[f'site_collector_up{{source="{name}"}}'] == 1


def test_samples_of_a_metric_are_grouped() -> None:
    samples = [Sample(name, "help", 1, {"label": value}) for value in "ab" for name in ("site_x", "site_y_total")]
    assert [(family.type, len(family.samples)) for family in families(samples)] == [("gauge", 2), ("counter", 2)]
