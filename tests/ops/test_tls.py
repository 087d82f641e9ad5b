"""The database and Redis over TLS, as PRODUCTION.md says: checked, by Django and by Celery alike."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.support.combinations import ALL_ON
from tests.support.production_site import production
from tests.support.servers import Authority, Server, postgresql, redis

ASK = "from ops.health.readiness import run_checks; import json; print(json.dumps(run_checks()[0]))"
ENCRYPTED = (
    "from django.db import connection; cursor = connection.cursor();"
    "cursor.execute('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'); print(cursor.fetchone()[0])"
)


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> list[Authority]:
    """The authority of the servers, and one that they do not know."""
    return [Authority(tmp_path_factory.mktemp("authority")) for _ in range(2)]


@pytest.fixture(scope="module")
def database(authorities: list[Authority]) -> Iterator[Server]:
    with postgresql(authorities[0]) as server:
        yield server


@pytest.fixture(scope="module")
def cache(authorities: list[Authority]) -> Iterator[Server]:
    with redis(authorities[0]) as server:
        yield server


@pytest.fixture
def shell(
    bake: Callable[..., Project], install: Callable[..., Path], database: Server, cache: Server
) -> Callable[..., str]:
    """Run code in the project, with servers that are reached by a host name and checked with a certificate, or not."""
    project = bake(**ALL_ON)
    python = install(project, "production")

    def run(code: str, host: str, certificate: Path | None) -> str:
        places = [server.url.replace("127.0.0.1", host) for server in (database, cache)]
        environment = production(database, cache) | {"DJANGO_SETTINGS_MODULE": "config.settings.production"}
        environment["DATABASE_URL"] = f"{places[0]}?sslmode=verify-full"
        environment["REDIS_URL"] = places[1].replace("redis://", "rediss://")
        if certificate:
            environment["DATABASE_URL"] += f"&sslrootcert={certificate}"
            environment["REDIS_URL"] += f"?ssl_ca_certs={certificate}"
        result = project.run(python, "manage.py", "shell", "--no-imports", "--command", code, **environment)
        assert "secret" not in result.stdout + result.stderr
        return result.stdout.splitlines()[-1]

    return run


def test_a_server_with_the_right_certificate_is_used(shell: Callable[..., str], authorities: list[Authority]) -> None:
    certificate = authorities[0].certificate
    assert json.loads(shell(ASK, "localhost", certificate)) == {"database": True, "cache": True, "broker": True}
    assert shell(ENCRYPTED, "localhost", certificate) == "True"


@pytest.mark.parametrize("wrong", ["authority", "name", "none given"])
def test_a_server_with_a_wrong_certificate_is_not(
    shell: Callable[..., str], authorities: list[Authority], wrong: str
) -> None:
    host = "127.0.0.1" if wrong == "name" else "localhost"
    certificate = {"authority": authorities[1].certificate, "name": authorities[0].certificate}.get(wrong)
    assert json.loads(shell(ASK, host, certificate)) == {"database": False, "cache": False, "broker": False}
