"""Attacks on a deployed site, over the wire, each with the answer that it is to get.

A test module inherits from AttackChecks, and has two fixtures: ``server``, the machine, and ``deployment``.
"""

import contextlib
import re
import ssl
import threading
import time

import pytest

from tests.deploy.site_checks import Deployment
from tests.support.machine import Machine

HIDDEN = b"GET /smuggled/ HTTP/1.1\r\nHost: example.com\r\n\r\n"
CHUNKED = b"0\r\n\r\n" + HIDDEN
LENGTH = b"Content-Length: %d" % len(CHUNKED)
# Headers that end a body in two places, and the body: what a proxy and an application could disagree about.
SMUGGLED = {
    "length and chunks": ([LENGTH, b"Transfer-Encoding: chunked"], CHUNKED),
    "chunks and length": ([b"Transfer-Encoding: chunked", b"Content-Length: 4"], b"5c\r\n" + HIDDEN + b"0\r\n\r\n"),
    "two lengths": ([b"Content-Length: 0", LENGTH], CHUNKED),
    "one length twice": ([LENGTH, LENGTH], CHUNKED),
    "a length that is no number": ([b"Content-Length: +5"], b"12345" + HIDDEN),
    "a list of lengths": ([b"Content-Length: 0, 5"], b"12345" + HIDDEN),
    "an unknown encoding": ([b"Transfer-Encoding: xchunked", LENGTH], CHUNKED),
    "two encodings": ([b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"], CHUNKED),
    "a blank before the colon": ([b"Transfer-Encoding : chunked", LENGTH], CHUNKED),
    "a folded header": ([b"Transfer-Encoding:\r\n chunked", LENGTH], CHUNKED),
    "a chunk of no size": ([b"Transfer-Encoding: chunked"], b"-1\r\n\r\n" + HIDDEN),
    "a chunk beyond all numbers": ([b"Transfer-Encoding: chunked"], b"1ffffffffffffffff\r\n\r\n" + HIDDEN),
}
FORGED_HOSTS = {
    "two hosts": [b"Host: example.com", b"Host: other.example.org"],
    "no host": [],
    "a user before the host": [b"Host: example.com@other.example.org"],
    "a path behind the host": [b"Host: other.example.org/example.com"],
    "a blank in the host": [b"Host: example.com other.example.org"],
}
# None of them is for whoever asks, in whatever spelling.
OUTSIDE = [
    *("/static/../manage.py", "/static/..%2f..%2fetc%2fpasswd", "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd"),
    *("/static../manage.py", "/static/..;/..;/etc/passwd", "/static/%00", "/static/css/site.css%00.png"),
    *("/static/..%5c..%5cmanage.py", "/static//etc/passwd", "/static/%252e%252e/%252e%252e/etc/passwd"),
    *(
        "/media../etc/passwd",
        "/media/..%2f..%2f..%2fetc%2fpasswd",
        "/media//etc/passwd",
        "/media/%2e%2e%2f.read-only.lock",
    ),
    *("//etc/passwd", "/etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/.env", "/%2eenv", "/static/%2eenv"),
    *("/.git/HEAD", "/.well-known/../.env", "/.well-known/acme-challenge/../../.env", "/dump.sql", "/db.sqlite3"),
    *("/site.key", "/media/copy.sql", "/media/.htaccess", "/413.html", "/429.html", "/maintenance.html"),
]
ELSEWHERE = [
    *("//other.example.org", "//other.example.org/..", "/%5cother.example.org", "/%2fother.example.org/"),
    *("///other.example.org//", "/admin//other.example.org", "/%0d%0aLocation:%20https://other.example.org/"),
    "/admin?next=https://other.example.org/",
]


def say(server: Machine, *lines: bytes, body: bytes = b"") -> bytes:
    """Send a request as it stands; return all that is answered until the connection ends, or nothing comes any more."""
    connection = server.connect()
    connection.connect()
    with connection.sock as wire:
        wire.sendall(b"\r\n".join([*lines, b"", body]))
        answered = b""
        wire.settimeout(5)
        with contextlib.suppress(TimeoutError, ConnectionError):
            while received := wire.recv(65536):
                answered += received
    return answered


def status_of(answered: bytes) -> int:
    """Return the status of the first of the answers."""
    return int(answered.split()[1])


class AttackChecks:
    """What an attacker sends, and does not get."""

    @pytest.mark.parametrize("shape", SMUGGLED)
    def test_no_request_is_smuggled_in_another(self, server: Machine, deployment: Deployment, shape: str) -> None:
        headers, body = SMUGGLED[shape]
        start = [b"POST /nowhere/ HTTP/1.1", b"Host: example.com", b"Content-Type: text/plain"]
        answered = say(server, *start, *headers, b"", body=body)
        assert status_of(answered) in (400, 501), answered
        assert len(re.findall(rb"HTTP/1\.1 \d{3}", answered)) == 1
        assert "smuggled" not in server.say(deployment.output)

    @pytest.mark.parametrize("shape", FORGED_HOSTS)
    def test_a_forged_host_is_refused(self, server: Machine, shape: str) -> None:
        assert status_of(say(server, b"GET / HTTP/1.1", *FORGED_HOSTS[shape], b"Connection: close")) in (400, 421)

    def test_the_host_of_the_request_line_is_the_one_that_counts(self, server: Machine) -> None:
        line = b"GET https://other.example.org/ HTTP/1.1"
        assert status_of(say(server, line, b"Host: example.com", b"Connection: close")) == 421

    def test_no_header_moves_a_request_to_another_place(self, server: Machine) -> None:
        plain = server.get("/").read().count(b"<h1>")
        for name in ("X-Forwarded-Host", "X-Host", "X-Forwarded-Server", "Forwarded", "X-Original-Host"):
            host = "host=other.example.org" if name == "Forwarded" else "other.example.org"
            response = server.get("/admin", headers={name: host})
            assert (response.status, response.headers["Location"]) == (301, "/admin/")
        for name in ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Script-Name", "Script-Name"):
            response = server.get("/", headers={name: "/admin/"})
            assert (response.status, response.read().count(b"<h1>")) == (200, plain)
        # With an underscore it would reach the application under the name of the proxy's own.
        assert server.get("/", headers={"X_Forwarded_Proto": "http"}).status == 200
        assert server.get("/", headers={"X-HTTP-Method-Override": "DELETE"}).status == 200

    @pytest.mark.parametrize("path", OUTSIDE)
    def test_nothing_outside_is_read(self, server: Machine, path: str) -> None:
        answered = say(server, f"GET {path} HTTP/1.1".encode(), b"Host: example.com", b"Connection: close", b"")
        assert status_of(answered) in (400, 403, 404), answered
        assert re.search(rb"root:|SECRET_KEY|DJANGO_SETTINGS", answered) is None

    def test_what_was_uploaded_by_mistake_is_not_read(self, server: Machine, deployment: Deployment) -> None:
        names = ["copy.sql", ".secret.env", "folder/private.key"]
        save = (
            "from django.core.files.base import ContentFile as F;"
            "from django.core.files.storage import default_storage as s;"
            f"print([s.save(name, F(b'x')) for name in {names}])"
        )
        said = server.say(f'{deployment.manage} shell --no-imports --command "{save}"')
        assert said == str(names)
        assert [server.get(f"/media/{name}").status for name in names] == [404, 404, 404]

    @pytest.mark.parametrize("path", ELSEWHERE)
    def test_no_address_leads_to_another_site(self, server: Machine, path: str) -> None:
        for scheme in ("https", "http"):
            response = server.get(path, scheme=scheme)
            location = response.headers["Location"] or "/"
            assert re.match(r"/(?![/\\])|https://example\.com/", location), location
            assert response.status in (301, 302, 400, 404)

    def test_what_a_visitor_writes_into_an_address_does_not_run(self, server: Machine) -> None:
        for path in ("/<script>alert(1)</script>/", "/nowhere/?q=<script>alert(1)</script>", '/"><img%20src=x>'):
            answered = say(server, f"GET {path} HTTP/1.1".encode(), b"Host: example.com", b"Connection: close", b"")
            assert b"<script>alert" not in answered
            assert b"<img src=x" not in answered

    @pytest.mark.parametrize(
        ("lines", "status"),
        [
            ([f"X-Number-{number}: {'x' * 100}" for number in range(200)], 431),
            ([f"X-Long: {'x' * 9000}"], 400),
            ([f"Cookie: {'a=b; ' * 2000}"], 400),
        ],
        ids=["many", "long", "cookies"],
    )
    def test_too_many_headers_are_refused(self, server: Machine, lines: list[str], status: int) -> None:
        start = [b"GET / HTTP/1.1", b"Host: example.com", b"Connection: close"]
        assert status_of(say(server, *start, *(line.encode() for line in lines), b"")) == status

    def test_an_address_that_is_too_long_is_refused(self, server: Machine) -> None:
        assert server.get(f"/{'x' * 9000}").status == 414

    def test_a_form_of_too_many_fields_is_refused(self, server: Machine) -> None:
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": f"__Host-csrftoken={'x' * 32}",
            "Referer": "https://example.com/",
        }
        body = "&".join(f"name{number}=x" for number in range(5000)).encode()
        assert server.get("/admin/logout/", method="POST", headers=headers, body=body).status == 400

    def test_unusual_methods_are_refused(self, server: Machine) -> None:
        for method in ("TRACE", "TRACK", "DELETE", "PROPFIND"):
            assert server.get("/", method=method).status in (403, 405)
        assert status_of(say(server, b"CONNECT example.org:443 HTTP/1.1", b"Host: example.com", b"")) in (400, 405)

    def test_slow_visitors_do_not_keep_others_waiting(self, server: Machine) -> None:
        connections = [server.connect() for _ in range(50)]
        ended = []

        def drip(wire: ssl.SSLSocket) -> None:
            """Send a byte of a header a second, until the connection is closed."""
            started = time.monotonic()
            with contextlib.suppress(OSError), wire as slow:
                slow.sendall(b"GET / HTTP/1.1\r\nHost: example.com\r\nX-Slow: ")
                slow.settimeout(1)
                while time.monotonic() - started < 40:
                    with contextlib.suppress(TimeoutError):
                        if not slow.recv(1024):
                            break
                    slow.sendall(b"x")
            ended.append(time.monotonic() - started)

        for connection in connections:
            connection.connect()
        threads = [threading.Thread(target=drip, args=(connection.sock,)) for connection in connections]
        for thread in threads:
            thread.start()
        assert [server.get("/").status for _ in range(10)] == [200] * 10
        assert len(ended) < len(connections)
        for thread in threads:
            thread.join()
        assert max(ended) < 30

    def test_a_form_needs_the_token_of_the_site(self, server: Machine) -> None:
        page = server.get("/admin/login/")
        cookie = page.headers["Set-Cookie"].split(";")[0]
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
        assert found
        ours = {"Cookie": cookie, "Origin": "https://example.com", "Referer": "https://example.com/admin/"}
        forged = "x" * len(found[1])
        for headers, token, status in [
            (ours, found[1], 302),
            (ours, "", 403),
            (ours, forged, 403),
            (ours | {"Cookie": ""}, found[1], 403),
            (ours | {"Cookie": f"__Host-csrftoken={'y' * 32}"}, found[1], 403),
            (ours | {"Origin": "https://other.example.org"}, found[1], 403),
            (ours | {"Origin": "http://example.com"}, found[1], 403),
            (ours | {"Origin": "null"}, found[1], 403),
            ({"Cookie": cookie, "Referer": "https://other.example.org/"}, found[1], 403),
            ({"Cookie": cookie, "Referer": "https://example.com.other.example.org/"}, found[1], 403),
            ({"Cookie": cookie}, found[1], 403),
        ]:
            body = f"csrfmiddlewaretoken={token}".encode()
            content = {"Content-Type": "application/x-www-form-urlencoded"}
            response = server.get("/admin/logout/", method="POST", headers=headers | content, body=body)
            assert response.status == status, (headers, token)
