"""A project in production, started by its own ``start_production.sh``."""

import contextlib
import http.client
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Project, clean_environment
from tests.support.servers import Server, free_port, listens

SECRET_KEY = "pL0vZ8mQ2xW6tR4yN1cB7jH5kD3sF9gA-uE_iOqXwTzMrKnVbY"


def production(database: Server, cache: Server) -> dict[str, str]:
    """Return the least that production needs in its environment."""
    return {
        "SECRET_KEY": SECRET_KEY,
        "ALLOWED_HOSTS": "www.example.com",
        "CSRF_TRUSTED_ORIGINS": "https://www.example.com",
        "DATABASE_URL": database.url,
        "REDIS_URL": cache.url,
        "EMAIL_HOST": "smtp.example.com",
        "AWS_STORAGE_BUCKET_NAME": "uploads",
    }


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Site:
    """A site on a port of this machine; ``process`` is gunicorn, and what it says is in ``log``."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self.port = port
        self.process = process
        self.log = log

    def get(
        self,
        path: str,
        host: str = "www.example.com",
        scheme: str = "https",
        source: str = "127.0.0.1",
        headers: dict[str, str] | None = None,
    ) -> http.client.HTTPResponse:
        """Return the response to a request that came through a proxy, from an address of this machine."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30, source_address=(source, 0))
        sent = {"Host": host, "X-Forwarded-Proto": scheme, "Connection": "close"} | (headers or {})
        connection.request("GET", path, headers=sent)
        return connection.getresponse()


def with_programs(python: Path, environment: dict[str, str]) -> dict[str, str]:
    """Return an environment of ``environment`` in which the programs next to a Python are found first."""
    path = f"{python.parent}:{clean_environment()['PATH']}"
    return clean_environment(**{"PATH": path, **environment})


@contextlib.contextmanager
def started(project: Project, python: Path, log: Path, **environment: str) -> Iterator[Site]:
    """Start a project on a free port; at the end, stop it, which must be a success and a matter of seconds."""
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["./start_production.sh"],
            cwd=project.path,
            env=with_programs(python, {"GUNICORN_BIND": f"127.0.0.1:{port}", **environment}),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        end = time.monotonic() + 60
        while not listens(port):
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"The site has not started:\n{log.read_text()}")
            time.sleep(0.05)
        yield Site(port, process, log)
        process.terminate()
        # Also after probes that hung. A process that was told before it could hear, which happens on a machine that is
        # busy, is killed by gunicorn after 30 seconds.
        assert process.wait(timeout=45) == 0
    finally:
        process.kill()
        process.wait()
