"""What holds for a deployed site, seen from outside over HTTPS, however its project got there.

A test module inherits from SiteChecks, and has two fixtures: ``server``, the machine, and ``deployment``.
"""

import base64
import gzip
import hmac
import json
import re
import ssl
import struct
import subprocess
import time
from http.client import HTTPResponse
from typing import NamedTuple

import pytest

from tests.conftest import ROOT, tool
from tests.support.machine import Machine
from tests.support.servers import wait_until

HEADERS = {
    "Strict-Transport-Security": "max-age=3600",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Two that are longer: what must stand in them.
POLICY = re.compile(r"default-src 'none'; script-src 'self'( 'nonce-[\w-]+')?; (?!.*unsafe).*object-src 'none'")
PERMISSIONS = re.compile(r"(?:[a-z-]+=\(\)(?:, |$))+")
# That of what visitors have uploaded.
MEDIA_POLICY = "default-src 'none'; sandbox"
# The smallest picture there is.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
# Make a file that is larger than a request may be.
MAKE_LARGE = "head -c 11000000 /dev/zero >/root/large"
PASSWORD = "correct horse battery"


class Deployment(NamedTuple):
    """How a project was deployed, in commands of the machine."""

    # What begins a command of manage.py.
    manage: str
    # Stop and start the application, while nginx goes on.
    stop: str
    start: str
    # Print nginx's log of requests, and what the application has written.
    access_log: str
    output: str
    # The smallest compression that there is of a static file.
    compression: str
    # The file of settings that the application is started with.
    settings: str
    # Print OPERATOR_TOKEN, and what a Prometheus is told that has the token %s.
    token: str
    metrics: str


# Where nginx of the machine answers Prometheus.
BY_NGINX = (
    "curl --silent --show-error --fail --proxy http://127.0.0.1:9180"
    " --header 'Authorization: Bearer %s' http://example.com/metrics/"
)


def style_of(server: Machine) -> str:
    """Return the URL of the first page's style sheet."""
    return str(server.get("/").read().decode().split('rel="stylesheet" href="')[1].split('"')[0])


def check_headers(response: HTTPResponse, policy: str | re.Pattern[str] = POLICY) -> None:
    """Fail unless an answer over HTTPS has each of the security headers once."""
    expected = {**HEADERS, "Content-Security-Policy": policy, "Permissions-Policy": PERMISSIONS}
    for name, pattern in expected.items():
        values = response.headers.get_all(name) or []
        assert len(values) == 1, (name, values)
        assert values[0] == pattern if isinstance(pattern, str) else pattern.fullmatch(values[0]), (name, values)


def log_in(server: Machine) -> str:
    """Log in as the administrator, with a second factor where one is demanded; return the cookie that the answer sets.

    The first time that is set up, and later a recovery code is given, for a token of an app is taken once in half a
    minute.
    """
    session = send_form(server, "/admin/login/", f"username=ann@example.com&next=/admin/&password={PASSWORD}")[1]
    if server.get("/admin/", headers={"Cookie": session.split(";")[0]}).status == 200:
        return session
    place = "/accounts/second-factor/"
    response = server.get(place, headers={"Cookie": session.split(";")[0]})
    if response.status == 200:
        return send_form(server, place, f"token={server.recovery_codes.pop()}", session)[1]
    page, session = send_form(server, response.headers["Location"], "token=%s", session)
    server.recovery_codes = re.findall(r"<code>([a-z2-7]{8})</code>", page)
    assert len(server.recovery_codes) == 10
    return session


def send_form(server: Machine, path: str, form: str, session: str = "") -> tuple[str, str]:
    """Send the form of a page; return the answer's page and the session's cookie that it sets.

    In the place of %s comes the token of an app that has the key which the page shows.
    """
    connection = server.connect()
    cookies = [session.split(";")[0]]
    connection.request("GET", path, headers={"Cookie": cookies[0]})
    response = connection.getresponse()
    page = response.read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token, page
    if key := re.search(r'id="key">([A-Z2-7 ]+)<', page):
        form = form % app_token(key[1])
    cookies += [cookie.split(";")[0] for cookie in response.headers.get_all("Set-Cookie") or []]
    headers = {
        "Cookie": "; ".join(filter(None, cookies)),
        "Content-Type": "application/x-www-form-urlencoded",
        "Referer": "https://example.com/",
    }
    body = f"csrfmiddlewaretoken={token[1]}&{form}".replace(" ", "+")
    connection.request("POST", path, body=body, headers=headers)
    response = connection.getresponse()
    page = response.read().decode()
    found = [
        cookie for cookie in response.headers.get_all("Set-Cookie") or [] if cookie.startswith("__Host-sessionid=")
    ]
    assert found, f"{response.status} {page}"
    return page, found[0]


def app_token(key: str) -> str:
    """Return the token that an app shows now for a key, as the page shows that (RFC 6238)."""
    step = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.digest(base64.b32decode(key.replace(" ", "")), step, "sha1")
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def check_bodies(server: Machine, requests: dict[str, int]) -> None:
    """Fail unless each request of curl gets an error of this status with a complete body, by HTTP/1.1 and HTTP/2."""
    for protocol, version in (("--http1.1", "1.1"), ("--http2", "2")):
        for request, status in requests.items():
            # curl fails when a body is shorter or longer than declared, or when a stream ends in an error.
            line = "%{http_version} %{http_code} %{size_download} %header{content-length}"
            curl = f"curl --silent --show-error --max-time 60 {protocol} --output /dev/null --write-out '{line}'"
            said = server.say(f"{curl} {request}")
            found = re.fullmatch(rf"{version} {status} (\d+)(?: (\d+))?", said)
            assert found, (request, said)
            assert "--head" in request or found[2] in (None, found[1]), (request, said)


class SiteChecks:
    """What a visitor notices."""

    def test_a_visitor_sees_the_first_page_with_each_header_once(self, server: Machine) -> None:
        response = server.get("/")
        assert response.status == 200
        assert "<h1>My Project</h1>" in response.read().decode()
        check_headers(response)
        assert response.headers["Server"] == "nginx"

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/", 200),
            ("/nowhere/", 404),
            ("/admin/", 302),
            ("/static/favicon.svg", 200),
            ("/static/nothing.css", 404),
            ("/media/nothing.png", 404),
            ("/.env", 404),
            ("/static/.git/config", 404),
            ("/dump.sql", 404),
        ],
    )
    def test_every_answer_has_each_header_once(self, server: Machine, path: str, status: int) -> None:
        response = server.get(path)
        assert response.status == status
        check_headers(response, MEDIA_POLICY if path.startswith("/media/") else POLICY)

    def test_error_has_a_body_of_the_declared_length(self, server: Machine) -> None:
        server.run(MAKE_LARGE)
        site = "https://example.com"
        check_bodies(
            server,
            {
                f"--data a=b {site}/admin/logout/": 403,
                f"--data a=b {site}/api/docs/": 403,
                f"{site}/nowhere/": 404,
                f"{site}/api/nowhere/": 404,
                f"--head {site}/api/nowhere/": 404,
                f"{site}/.env": 404,
                f"{site}/static/nothing.css": 404,
                f"{site}/csp-report/": 405,
                f"--request DELETE {site}/api/v1/auth/token/": 405,
                f"--data-binary @/root/large {site}/": 413,
                f"{site}/{'x' * 9000}": 414,
                f"--data a=b {site}/api/v1/auth/token/": 415,
                f"--header 'Host: other.example.org' {site}/": 421,
            },
        )

    def test_http_leads_to_https(self, server: Machine) -> None:
        response = server.get("/admin/?next=/x", scheme="http")
        assert (response.status, response.headers["Location"]) == (301, "https://example.com/admin/?next=/x")
        assert response.headers["Strict-Transport-Security"] is None
        assert response.headers.get_all("X-Content-Type-Options") == ["nosniff"]

    def test_an_unknown_host_is_refused(self, server: Machine) -> None:
        assert server.get("/", host="other.example.org", scheme="http").status == 421
        with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
            server.connect("other.example.org", verify=False).request("GET", "/")
        connection = server.connect()
        connection.request("GET", "/", headers={"Host": "other.example.org"})
        assert connection.getresponse().status == 421

    def test_static_files_come_from_the_disk_compressed_and_for_ever(
        self, server: Machine, deployment: Deployment
    ) -> None:
        address = style_of(server)
        assert re.fullmatch(r"/static/css/site\.[0-9a-f]{12}\.css", address)
        plain = server.get(address)
        content = plain.read()
        assert (plain.headers["Content-Encoding"], plain.headers["Content-Type"]) == (None, "text/css")
        assert plain.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        zipped = server.get(address, headers={"Accept-Encoding": "gzip"})
        assert (zipped.headers["Content-Encoding"], zipped.headers["Vary"]) == ("gzip", "Accept-Encoding")
        assert gzip.decompress(zipped.read()) == content
        smallest = server.get(address, headers={"Accept-Encoding": "gzip, br"})
        assert smallest.headers["Content-Encoding"] == deployment.compression
        assert 0 < len(smallest.read()) < len(content)
        assert server.get("/static/css/site.css").headers["Cache-Control"] == "public, max-age=3600"
        # Straight from the disk means that the application has nothing to do with it.
        server.run(deployment.stop)
        assert server.get(address).status == 200
        server.run(deployment.start)

    def test_an_uploaded_file_cannot_run_a_script(self, server: Machine, deployment: Deployment) -> None:
        save = (
            "from django.core.files.base import ContentFile as F;"
            "from django.core.files.storage import default_storage as s"
            ";print(s.save('pictures/p.png', F(bytes.fromhex('%s'))), s.save('x.html', F(b'<script>')),"
            "s.save('x.js', F(b'alert(1)')),"
            "s.save('x.svg', F(b'<svg xmlns=\\\"http://www.w3.org/2000/svg\\\"><script/></svg>')))"
        )
        shell = f"{deployment.manage} shell --no-imports --command"
        assert server.say(f'{shell} "{save % PNG.hex()}"') == "pictures/p.png x.html x.js x.svg"
        for path, kind in {
            "/media/pictures/p.png": "image/png",
            "/media/x.html": "application/octet-stream",
            "/media/x.js": "application/octet-stream",
            "/media/x.svg": "image/svg+xml",
        }.items():
            response = server.get(path)
            assert (response.status, response.headers["Content-Type"]) == (200, kind)
            assert response.headers.get_all("Content-Security-Policy") == [MEDIA_POLICY]
            assert response.headers.get_all("X-Content-Type-Options") == ["nosniff"]
        assert server.get("/media/").status == 403

    def test_an_administrator_logs_in(self, server: Machine) -> None:
        session = log_in(server)
        assert {"Secure", "HttpOnly", "SameSite=Lax"} <= {part.strip() for part in session.split(";")}
        response = server.get("/admin/", headers={"Cookie": session.split(";")[0]})
        assert "ann@example.com" in response.read().decode()

    def test_large_import_is_for_clients_that_are_logged_in(self, server: Machine) -> None:
        large = b"x" * 11 * 1024 * 1024
        place = "/data/import/"
        # nginx does not wait for the request of another client.
        announced = {"Content-Length": str(len(large))}
        assert server.get(place, method="POST", headers=announced).status == 403
        forged = {"Cookie": "__Host-sessionid=x", "Authorization": "Bearer x.y.z"}
        assert server.get(place, method="POST", headers=announced | forged).status == 403
        cookie = {"Cookie": log_in(server).split(";")[0]}
        # There is no such page.
        assert server.get(place, method="POST", headers=cookie, body=large).status == 404
        assert server.get("/", method="POST", headers=cookie | announced).status == 413
        beyond = {"Content-Length": str(100 * 1024 * 1024 + 1)}
        assert server.get(place, method="POST", headers=cookie | beyond).status == 413
        assert server.get("/logged-in/", headers=cookie).status == 404

    def test_too_many_attempts_to_log_in_are_refused(self, server: Machine) -> None:
        statuses = [server.get("/admin/login/", method="POST", body=b"x=y").status for _ in range(10)]
        assert statuses[0] != 429
        assert statuses[-1] == 429
        response = server.get("/admin/login/", method="POST", body=b"x=y")
        assert (response.status, response.headers["Retry-After"]) == (429, "60")
        assert "Too many attempts" in response.read().decode()
        assert response.headers.get_all("X-Frame-Options") == ["DENY"]
        # It is counted for all of them together, wherever the admin is; who looks at a form is not counted.
        for path in ("/accounts/login/", "/accounts/password_reset/", "/manage/login/", "/accounts//login/"):
            assert server.get(path, method="POST", body=b"x=y").status == 429
        assert server.get("/accounts/logout/", method="POST", body=b"x=y").status == 403
        assert server.get("/admin/login/").status == 200
        # Whoever has tried there does not try in the API instead. On a slow machine, an attempt has become free.
        attempts = (server.get("/api/v1/auth/token/", method="POST", body=b"{}") for _ in range(3))
        response = next((response for response in attempts if response.status == 429), None)
        assert response
        assert "Too many attempts" in response.read().decode()
        assert server.get("/api/v1/auth/token/").status == 405
        # The machine's own address has attempts of its own.
        for path in ("/admin/login/", "/api/v1/auth/token/"):
            attempt = f"--data x=y https://example.com{path}"
            server.run(f"for number in $(seq 20); do curl --silent --output /dev/null {attempt}; done")
            check_bodies(server, {attempt: 429})

    def test_a_request_that_is_too_large_is_refused(self, server: Machine) -> None:
        megabytes = 1024 * 1024
        response = server.get("/", method="POST", body=b"x" * 10 * megabytes)
        assert response.status in (403, 405)
        response = server.get("/", method="POST", headers={"Content-Length": str(10 * megabytes + 1)})
        assert response.status == 413
        assert "too large" in response.read().decode()
        assert response.headers.get_all("X-Frame-Options") == ["DENY"]
        server.run(MAKE_LARGE)
        two = server.say("curl --silent --http2 --data-binary @/root/large https://example.com/")
        assert "too large" in two

    def test_ready_is_limited(self, server: Machine) -> None:
        ask = "curl --silent --output /dev/null --write-out '%{http_code} %header{retry-after}\\n' https://example.com"
        said = server.say(f"for number in $(seq 60); do {ask}/ready/; done; {ask}/health/").splitlines()
        assert {line.strip() for line in said[:20]} == {"200"}
        assert "429 60" in said
        assert said[-1].strip() == "200"

    def test_request_id_is_in_the_response_and_the_logs(self, server: Machine, deployment: Deployment) -> None:
        made = server.get("/nowhere/?token=hunter2", headers={"Referer": "https://example.com/?token=hunter3"})
        request_id = made.headers["X-Request-ID"]
        assert re.fullmatch("[0-9a-f]{32}", request_id)
        given = server.get("/", headers={"X-Request-ID": "0123-abcd-4567"})
        assert given.headers.get_all("X-Request-ID") == ["0123-abcd-4567"]
        refused = server.get("/", headers={"X-Request-ID": "a b<script>"})
        assert re.fullmatch("[0-9a-f]{32}", refused.headers["X-Request-ID"])
        server.get("/", headers={"Authorization": "Basic aHVudGVyNDpodW50ZXI0"})
        server.get(f"/accounts/reset/MQ/cabc12-{'5eed' * 8}/")
        lines = server.say(deployment.access_log).splitlines()
        [line] = [json.loads(line) for line in lines if request_id in line]
        assert (line["path"], line["status"], line["referer"]) == ("/nowhere/", 404, "https://example.com/")
        journal = server.say(deployment.output)
        [said] = [json.loads(line) for line in journal.splitlines() if request_id in line]
        assert (said["method"], said["path"], said["status"]) == ("GET", "/nowhere/", 404)
        assert (said["request_id"], said["level"]) == (request_id, "warning")
        assert "hunter" not in "\n".join([*lines, journal])
        assert "5eed5eed" not in "\n".join([*lines, journal])
        assert "aHVudGVy" not in "\n".join([*lines, journal])

    def test_no_secret_is_in_ten_thousand_records(self, server: Machine, deployment: Deployment) -> None:
        text = base64.b64encode((ROOT / "tests/support/seed_data.py").read_bytes()).decode()
        run = f'import base64; exec(base64.b64decode("{text}"), {{"__name__": "seed_data"}})'
        lines = server.say(f"{deployment.manage} shell --no-imports --command '{run}'").splitlines()
        assert len(lines) == 10_000
        events = [json.loads(line) for line in lines]
        assert {event["level"] for event in events} == {"warning", "error"}
        assert [line for line in lines if re.search(r"hunter|4242[ \d]{12}", line)] == []
        assert all("[redacted]" in line for line in lines)

    def test_metrics_are_told_to_prometheus_and_nobody_outside(self, server: Machine, deployment: Deployment) -> None:
        token = server.say(deployment.token)
        operator = {"Authorization": f"Bearer {token}"}
        for path in ("/metrics/", "//metrics/", "/admin/../metrics/", "/%6detrics/", "/metrics//"):
            for headers in ({}, operator):
                response = server.get(path, headers=headers)
                assert response.status == 404
                assert "site_" not in response.read().decode()
        server.get("/nowhere/")
        told = server.say(deployment.metrics % token)
        assert 'site_service_up{service="database"} 1.0' in told
        assert 'site_requests_total{method="GET",status="404",view="none"}' in told
        assert re.search(r"^site_backup_disk_free_bytes \S+$", told, re.MULTILINE)
        assert server.run(deployment.metrics % "wrong", check=False).returncode != 0

    def test_a_visitor_cannot_say_that_he_is_somebody_else(self, server: Machine, deployment: Deployment) -> None:
        server.get("/nowhere/", headers={"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "http"})
        assert server.get("/", headers={"X-Forwarded-Proto": "http"}).status == 200
        assert "192.0.2.1" not in server.say(deployment.output)

    def test_tls_is_mozillas_intermediate(self, server: Machine) -> None:
        command = [tool("sslyze"), "--mozilla_config=intermediate", "--certinfo_ca_file", str(server.authority)]
        place = f"example.com:{server.ports[443]}{{127.0.0.1}}"
        result = subprocess.run([*command, place], capture_output=True, text=True, check=False, timeout=120)
        assert result.returncode == 0, result.stdout[-3000:]
        assert "OK - Compliant" in result.stdout

    def test_old_tls_is_refused(self, server: Machine) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        connection = server.connect(verify=False)
        connection.context = context
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            connection.request("GET", "/")

    def test_http_2_is_spoken(self, server: Machine) -> None:
        context = ssl.create_default_context(cafile=str(server.authority))
        context.set_alpn_protocols(["h2", "http/1.1"])
        connection = server.connect()
        connection.context = context
        connection.connect()
        assert connection.sock.selected_alpn_protocol() == "h2"

    def test_a_page_says_when_the_application_is_down(self, server: Machine, deployment: Deployment) -> None:
        server.run(deployment.stop)
        response = server.get("/?token=hunter5")
        assert (response.status, response.headers["Retry-After"]) == (503, "60")
        assert "The site is being worked on" in response.read().decode()
        check_headers(response)
        request_id = response.headers["X-Request-ID"]
        log = server.say(deployment.access_log)
        [line] = [json.loads(line) for line in log.splitlines() if request_id in line]
        assert (line["status"], line["upstream"]) == (503, "502")
        assert "hunter" not in log
        server.run(MAKE_LARGE)
        requests = ("https://example.com/", "https://example.com/api/v1/users/", "https://example.com/data/import/")
        large = "--data-binary @/root/large https://example.com/data/import/"
        check_bodies(server, dict.fromkeys((*requests, large), 503))
        server.run(deployment.start)
        wait_until(lambda: server.get("/").status == 200, 60, "the site's return")
