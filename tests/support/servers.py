"""Real servers for the tests, each on a port and in a folder of its own."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import pytest


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def missing(message: str) -> NoReturn:
    """Fail because this machine lacks something; on a user's machine, skip."""
    if os.environ.get("CI") == "true":
        raise RuntimeError(message)
    pytest.skip(message)


def find(program: str, package: str) -> str:
    """Return the path of a program, which belongs to a package of Debian's."""
    places = [shutil.which(program), *sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), reverse=True)]
    for place in places:
        if place:
            return str(place)
    missing(f"{program} is missing; install it (Debian: apt-get install {package}).")


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Return soon after ``condition()`` is true; fail, naming ``what``, when it is not within ``seconds``.

    The pauses grow to half a second: many conditions start a program, which takes time from what is waited for.
    """
    end, pause = time.monotonic() + seconds, 0.05
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"{what} did not happen within {seconds} s.")
        time.sleep(pause)
        pause = min(1.3 * pause, 0.5)


def listens(port: int, address: str = "127.0.0.1") -> bool:
    """Say whether something takes connections on a port of an address."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False


class Server:
    """A running server: its URL, and the process whose end, or standstill, is its end or standstill."""

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        self.url = url
        self.process = process


class Authority:
    """A certificate authority, and a certificate of its for a name, such as ``localhost``, and for no address."""

    def __init__(self, folder: Path, host: str = "localhost") -> None:
        self.certificate = folder / "authority.pem"
        self.server_certificate = folder / "server.pem"
        self.server_key = folder / "server.key"
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        own = ["-subj", "/CN=authority", "-keyout", folder / "authority.key", "-out", self.certificate]
        # Without the purpose, Python 3.13 refuses what it has signed.
        own += ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        subprocess.run(["openssl", "req", "-x509", *new, *own], check=True, capture_output=True)
        name = ["-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
        name += ["-addext", "basicConstraints=CA:FALSE", "-addext", "authorityKeyIdentifier=keyid"]
        signed = ["-CA", self.certificate, "-CAkey", folder / "authority.key"]
        signed += ["-keyout", self.server_key, "-out", self.server_certificate]
        subprocess.run(["openssl", "req", "-x509", *new, *name, *signed], check=True, capture_output=True)


@contextlib.contextmanager
def postgresql(authority: Authority | None = None) -> Iterator[Server]:
    """Run a PostgreSQL, whose role ``app`` has the password ``secret`` and may create databases; over TLS, if asked."""
    port = free_port()
    # PostgreSQL refuses to run as root, and its user cannot enter pytest's own folders.
    as_user = {"user": "postgres"} if os.getuid() == 0 else {}
    folder = tempfile.mkdtemp(prefix="postgresql-")
    data = f"{folder}/data"
    if as_user:
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
    password_file = Path(folder) / "password"
    password_file.write_text("secret\n")
    password_file.chmod(0o644)
    initdb = [find("initdb", "postgresql"), "--pgdata", data, "--username", "app", "--encoding", "UTF8"]
    initdb += ["--auth", "scram-sha-256", "--pwfile", str(password_file), "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **as_user)
    command = [find("postgres", "postgresql"), "-D", data, "-p", str(port), "-k", folder]
    command += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    if authority:
        # PostgreSQL takes a key that is its own and nobody else's.
        key = Path(shutil.copy(authority.server_key, folder))
        key.chmod(0o600)
        certificate = shutil.copy(authority.server_certificate, folder)
        if as_user:
            os.chown(key, pwd.getpwnam("postgres").pw_uid, -1)
        command += ["-c", "ssl=on", "-c", f"ssl_key_file={key}", "-c", f"ssl_cert_file={certificate}"]
    with open(f"{folder}/log", "wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **as_user)
    try:
        ready = [find("pg_isready", "postgresql"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, 30, "PostgreSQL's start")
        yield Server(f"postgres://app:secret@127.0.0.1:{port}/postgres", process)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


@contextlib.contextmanager
def redis(authority: Authority | None = None) -> Iterator[Server]:
    """Run a Redis with the password ``secret``; over TLS alone, if asked."""
    port = free_port()
    command = [find("redis-server", "redis-server"), "--bind", "127.0.0.1", "--save", ""]
    command += ["--tls-port" if authority else "--port", str(port)]
    if authority:
        command += ["--port", "0", "--tls-auth-clients", "no", "--tls-ca-cert-file", str(authority.certificate)]
        command += ["--tls-key-file", str(authority.server_key), "--tls-cert-file", str(authority.server_certificate)]
    process = subprocess.Popen([*command, "--requirepass", "secret"], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: listens(port), 10, "Redis's start")
        yield Server(f"redis://:secret@127.0.0.1:{port}/0", process)
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def pgbouncer(database: Server, connections: int, options: str = "") -> Iterator[Server]:
    """Run a PgBouncer in transaction mode with so many connections to a PostgreSQL, which have ``options``."""
    port = free_port()
    url = urlsplit(database.url)
    as_user = {"user": "postgres"} if os.getuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    folder.chmod(0o755)
    (folder / "users").write_text('"app" "secret"\n')
    (folder / "pgbouncer.ini").write_text(
        f"""
        [databases]
        * = host=127.0.0.1 port={url.port} {options}
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {port}
        unix_socket_dir =
        auth_type = scram-sha-256
        auth_file = {folder}/users
        pool_mode = transaction
        default_pool_size = {connections}
        """
    )
    command = [find("pgbouncer", "pgbouncer"), str(folder / "pgbouncer.ini")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **as_user)
    try:
        wait_until(lambda: listens(port), 10, "PgBouncer's start")
        yield Server(url._replace(netloc=f"app:secret@127.0.0.1:{port}").geturl(), process)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)
