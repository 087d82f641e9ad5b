"""The site on a Debian machine that was set up by hand, as DEPLOYMENT.md shows it, seen from outside over HTTPS."""

import base64
import gzip
import json
import re
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.combinations import ALL_OFF
from tests.conftest import Project, tool
from tests.deploy.machine import Machine, machine
from tests.documents import sections
from tests.servers import wait_until

HEADERS = {
    "Strict-Transport-Security": "max-age=3600",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# The smallest picture there is.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
STOP = "systemctl stop my_project.target 'my_project-*'"
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def server(bake: Callable[..., Project], docker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which the steps of "The same by hand" were done."""
    project = bake(**ALL_OFF | {"deployment": "systemd"})
    document = sections(project.path / "DEPLOYMENT.md")
    steps = ["1. Fetch the project", "Packages", "User and folders", "Settings, database and Redis", "Units and site"]
    with machine(docker, tmp_path_factory.mktemp("machine")) as running:
        running.push(project.path)
        running.trust()
        running.follow(document, *steps, "4. Get a certificate", "The release", "6. Look at it")
        create = "/srv/my_project/source/deploy/bin/manage createsuperuser"
        running.answer(f"sudo {create}", {"Email address": "ann@example.com", "Password:": PASSWORD, "again": PASSWORD})
        yield running


def test_every_block_of_the_document_is_run(bake: Callable[..., Project]) -> None:
    """By these tests or by those of test_releases.py, which follow the scripts."""
    project = bake(**ALL_OFF | {"deployment": "systemd"})
    with_blocks = [heading for heading, blocks in sections(project.path / "DEPLOYMENT.md").items() if blocks]
    by_hand = ["Packages", "User and folders", "Settings, database and Redis", "Units and site", "The release"]
    by_script = ["1. Fetch the project", "2. Prepare the machine", "3. Fill in what it cannot know"]
    by_script += ["4. Get a certificate", "5. Release", "6. Look at it"]
    later = ["Releasing", "Rolling back", "Changing settings", "Every day"]
    assert with_blocks == [*by_script, *later, *by_hand]


def test_a_visitor_sees_the_first_page_with_each_header_once(server: Machine) -> None:
    answer = server.get("/")
    assert answer.status == 200
    assert "<h1>My Project</h1>" in answer.read().decode()
    for name, value in HEADERS.items():
        assert answer.headers.get_all(name) == [value]
    assert answer.headers["Server"] == "nginx"


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
def test_every_answer_has_each_header_once(server: Machine, path: str, status: int) -> None:
    answer = server.get(path)
    assert answer.status == status
    for name, value in HEADERS.items():
        assert answer.headers.get_all(name) == [value], name


def test_http_leads_to_https(server: Machine) -> None:
    answer = server.get("/admin/?next=/x", scheme="http")
    assert (answer.status, answer.headers["Location"]) == (301, "https://example.com/admin/?next=/x")
    assert answer.headers["Strict-Transport-Security"] is None
    assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]


def test_an_unknown_host_is_refused(server: Machine) -> None:
    assert server.get("/", host="other.example.org", scheme="http").status == 421
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        server.connect("other.example.org", verify=False).request("GET", "/")
    connection = server.connect()
    connection.request("GET", "/", headers={"Host": "other.example.org"})
    assert connection.getresponse().status == 421


def test_static_files_come_from_the_disk_compressed_and_for_ever(server: Machine) -> None:
    page = server.get("/").read().decode()
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    assert re.fullmatch(r"/static/css/site\.[0-9a-f]{12}\.css", address)
    plain = server.get(address)
    content = plain.read()
    assert (plain.headers["Content-Encoding"], plain.headers["Content-Type"]) == (None, "text/css")
    assert plain.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    zipped = server.get(address, headers={"Accept-Encoding": "gzip"})
    assert (zipped.headers["Content-Encoding"], zipped.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert gzip.decompress(zipped.read()) == content
    smallest = server.get(address, headers={"Accept-Encoding": "gzip, br"})
    assert smallest.headers["Content-Encoding"] == "br"
    assert 0 < len(smallest.read()) < len(content)
    assert server.get("/static/css/site.css").headers["Cache-Control"] == "public, max-age=3600"
    # Straight from the disk means that the application has nothing to do with it.
    server.run(STOP)
    assert server.get(address).status == 200
    server.run("systemctl start my_project.target")


def test_an_uploaded_file_cannot_run_a_script(server: Machine) -> None:
    save = (
        "from django.core.files.base import ContentFile; from django.core.files.storage import default_storage as s;"
        "print(s.save('pictures/p.png', ContentFile(bytes.fromhex('%s'))), s.save('x.html', ContentFile(b'<script>')))"
    )
    manage = "/srv/my_project/source/deploy/bin/manage shell --no-imports --command"
    assert server.say(f'{manage} "{save % PNG.hex()}"') == "pictures/p.png x.html"
    for path, kind in (("/media/pictures/p.png", "image/png"), ("/media/x.html", "text/html")):
        answer = server.get(path)
        assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
        assert answer.headers.get_all("Content-Security-Policy") == ["default-src 'none'; sandbox"]
        assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert server.get("/media/").status == 403
    # Nobody else on the machine may read them.
    assert server.run("cat /var/lib/my_project/media/pictures/p.png", user="admin", check=False).returncode != 0


def test_an_administrator_logs_in(server: Machine) -> None:
    connection = server.connect()
    connection.request("GET", "/admin/login/")
    page = connection.getresponse()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
    assert token
    cookie = page.headers["Set-Cookie"].split(";")[0]
    form = f"csrfmiddlewaretoken={token[1]}&username=ann@example.com&password={PASSWORD.replace(' ', '+')}&next=/admin/"
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded", "Referer": "https://example.com/"}
    connection.request("POST", "/admin/login/", body=form, headers=headers)
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"]) == (302, "/admin/")
    cookies = answer.headers.get_all("Set-Cookie") or []
    session = next(cookie for cookie in cookies if cookie.startswith("sessionid="))
    assert {"Secure", "HttpOnly", "SameSite=Lax"} <= {part.strip() for part in session.split(";")}
    answer.read()
    connection.request("GET", "/admin/", headers={"Cookie": session.split(";")[0]})
    assert "ann@example.com" in connection.getresponse().read().decode()


def test_too_many_attempts_to_log_in_are_refused(server: Machine) -> None:
    statuses = [server.get("/admin/login/", method="POST", body=b"x=y").status for _ in range(10)]
    assert statuses[0] != 429
    assert statuses[-1] == 429
    answer = server.get("/admin/login/", method="POST", body=b"x=y")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
    assert "Too many attempts" in answer.read().decode()
    assert answer.headers.get_all("X-Frame-Options") == ["DENY"]
    assert server.get("/admin/login/").status == 200


def test_a_request_that_is_too_large_is_refused(server: Machine) -> None:
    megabytes = 1024 * 1024
    answer = server.get("/", method="POST", body=b"x" * 10 * megabytes)
    assert answer.status in (403, 405)
    answer = server.get("/", method="POST", headers={"Content-Length": str(10 * megabytes + 1)})
    assert answer.status == 413
    assert "too large" in answer.read().decode()
    assert answer.headers.get_all("X-Frame-Options") == ["DENY"]
    assert server.get("/data/import/", method="POST", body=b"x" * 11 * megabytes).status in (403, 404)
    answer = server.get("/data/import/", method="POST", headers={"Content-Length": str(100 * megabytes + 1)})
    assert answer.status == 413


def test_a_request_has_a_number_that_is_in_the_logs(server: Machine) -> None:
    made = server.get("/nowhere/?token=hunter2", headers={"Referer": "https://example.com/?token=hunter3"})
    number = made.headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", number)
    given = server.get("/", headers={"X-Request-ID": "0123-abcd-4567"})
    assert given.headers.get_all("X-Request-ID") == ["0123-abcd-4567"]
    refused = server.get("/", headers={"X-Request-ID": "a b<script>"})
    assert re.fullmatch("[0-9a-f]{32}", refused.headers["X-Request-ID"])
    server.get("/", headers={"Authorization": "Basic aHVudGVyNDpodW50ZXI0"})
    lines = server.say("cat /var/log/nginx/my_project.access.log").splitlines()
    [line] = [json.loads(line) for line in lines if number in line]
    assert (line["path"], line["status"], line["referer"]) == ("/nowhere/", 404, "https://example.com/")
    journal = server.say("journalctl --unit=my_project-web.service --output=cat --no-pager")
    assert '"GET /nowhere/ HTTP/1.1" 404' in journal
    assert number in journal
    assert "hunter" not in "\n".join([*lines, journal])
    assert "aHVudGVy" not in "\n".join([*lines, journal])


def test_a_visitor_cannot_say_that_he_is_somebody_else(server: Machine) -> None:
    server.get("/nowhere/", headers={"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "http"})
    assert server.get("/", headers={"X-Forwarded-Proto": "http"}).status == 200
    assert "192.0.2.1" not in server.say("journalctl --unit=my_project-web.service --output=cat --no-pager")


def test_tls_is_mozillas_intermediate(server: Machine) -> None:
    command = [tool("sslyze"), "--mozilla_config=intermediate", "--certinfo_ca_file", str(server.authority)]
    place = f"example.com:{server.ports[443]}{{127.0.0.1}}"
    result = subprocess.run([*command, place], capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stdout[-3000:]
    assert "OK - Compliant" in result.stdout


def test_old_tls_is_refused(server: Machine) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    connection = server.connect(verify=False)
    connection.context = context
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        connection.request("GET", "/")


def test_http_2_is_spoken(server: Machine) -> None:
    context = ssl.create_default_context(cafile=str(server.authority))
    context.set_alpn_protocols(["h2", "http/1.1"])
    connection = server.connect()
    connection.context = context
    connection.connect()
    assert connection.sock.selected_alpn_protocol() == "h2"


def test_nginx_finds_its_configuration_in_order(server: Machine, tmp_path: Path) -> None:
    assert server.run("nginx -t 2>&1").stdout.count("warn") == 0
    subprocess.run([server.docker, "cp", "--quiet", f"{server.container}:/etc/nginx", tmp_path / "nginx"], check=True)
    # The analyser follows includes by their full path, which here is another; Debian's own nginx.conf is not ours.
    for path in (tmp_path / "nginx").rglob("*"):
        if path.is_file():
            path.write_text(path.read_text(errors="replace").replace("/etc/nginx/", f"{tmp_path}/nginx/"))
    main = tmp_path / "nginx" / "nginx.conf"
    main.write_text(
        f"events {{}}\nhttp {{\n    server_tokens off;\n    include {tmp_path}/nginx/sites-enabled/*;\n}}\n"
    )
    result = subprocess.run([tool("gixy"), "--format", "text", main], capture_output=True, text=True, check=False)
    assert "No issues found" in result.stdout, result.stdout
    assert result.returncode == 0


def test_systemd_finds_nothing_in_the_units_and_rates_them_safe(server: Machine) -> None:
    files = "/etc/systemd/system/my_project.target /etc/systemd/system/my_project-*.s*"
    assert server.run(f"systemd-analyze verify $(ls -d {files} | grep -v '[.]d$') 2>&1").stdout == ""
    table = server.say("systemd-analyze security --no-pager | grep my_project")
    ratings = {line.split()[0]: float(line.split()[1]) for line in table.splitlines()}
    assert "my_project-web.service" in ratings
    assert {unit: rating for unit, rating in ratings.items() if rating > 1.1} == {}


def test_the_service_cannot_change_its_own_code_and_nobody_else_reads_its_secrets(server: Machine) -> None:
    pid = server.say("systemctl show --property=MainPID --value my_project-web.service")
    inside = f"nsenter --target {pid} --mount setpriv --reuid my_project --regid my_project --clear-groups sh -c"
    for path in ("/srv/my_project/current/config/urls.py", "/etc/my_project/environment", "/usr/bin/env"):
        assert server.run(f"{inside} 'echo >>{path}'", check=False).returncode != 0, path
    server.run(f"{inside} 'echo >/var/lib/my_project/written'")
    assert server.run("cat /etc/my_project/environment", user="admin", check=False).returncode != 0
    assert server.say("stat --format='%a %U %G' /etc/my_project/environment") == "640 root my_project"


def test_a_page_says_when_the_application_is_down(server: Machine) -> None:
    server.run(STOP)
    answer = server.get("/")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "60")
    assert "The site is being worked on" in answer.read().decode()
    for name, value in HEADERS.items():
        assert answer.headers.get_all(name) == [value]
    server.run("systemctl start my_project.target")
    wait_until(lambda: server.get("/").status == 200, 30, "the site's return")


def test_the_certificate_is_renewed(server: Machine) -> None:
    document = server.repository / "DEPLOYMENT.md"
    server.run(sections(document)["4. Get a certificate"][1], user="admin", timeout=120)
    assert server.say("systemctl is-active certbot.timer") == "active"
    before = server.say("openssl x509 -in /etc/ssl/my_project/fullchain.pem -noout -serial")
    server.run("certbot renew --force-renewal --no-random-sleep-on-renew", timeout=120)
    after = server.say("openssl x509 -in /etc/ssl/my_project/fullchain.pem -noout -serial")
    assert before != after
    connection = server.connect(verify=False)
    connection.connect()
    served = ssl.DER_cert_to_PEM_cert(connection.sock.getpeercert(binary_form=True))
    assert (
        served.split("-----")[2].split()
        == server.say("cat /etc/ssl/my_project/fullchain.pem").split("-----")[2].split()
    )


def test_a_certificate_that_cannot_serve_is_refused(server: Machine) -> None:
    server.run("mkdir -p /root/other; cd /root/other; openssl genrsa -out key.pem 2048")
    self_signed = "openssl req -x509 -key key.pem -subj /CN=example.com"
    server.run(f"cd /root/other; {self_signed} -days 5 -out good.pem")
    server.run(f"cd /root/other; {self_signed} -not_before 20200101000000Z -not_after 20200201000000Z -out old.pem")
    before = server.say("sha256sum /etc/ssl/my_project/*")
    put = "/srv/my_project/source/deploy/bin/certificate"
    for files, reason in (
        ("/etc/ssl/my_project/fullchain.pem /root/other/key.pem", "is not the key of"),
        ("/root/other/old.pem /root/other/key.pem", "is past its end"),
        ("/root/other/none.pem /root/other/key.pem", "there is no file /root/other/none.pem"),
        ("/root/other/good.pem", "certificate takes two files"),
    ):
        result = server.run(f"{put} {files}", check=False)
        assert result.returncode == 1
        assert result.stderr.startswith("Error: ")
        assert reason in result.stderr
    assert server.say("sha256sum /etc/ssl/my_project/*") == before
    # The hook of another certificate of the machine is none of this project's business.
    server.run(f"RENEWED_LINEAGE=/etc/letsencrypt/live/other {put}")
    assert server.say("sha256sum /etc/ssl/my_project/*") == before


def test_the_script_finds_what_was_done_by_hand_in_order(server: Machine) -> None:
    result = server.run("/srv/my_project/source/deploy/bin/provision")
    did = [line.strip() for line in result.stdout.splitlines() if line.startswith("  ")]
    # By hand, each release has an environment of its own.
    assert did == ["made /srv/my_project/environments"]
    assert "Nothing had to be changed." in server.say("/srv/my_project/source/deploy/bin/provision")


def test_a_database_and_a_redis_elsewhere_are_left_alone(server: Machine) -> None:
    environment = "/etc/my_project/environment"
    server.run(f"cp --preserve {environment} /root/environment")
    server.run(f"sed -i 's/@127.0.0.1/@db.example.com/' {environment}")
    shown = server.say("/srv/my_project/source/deploy/bin/provision")
    assert "PostgreSQL" not in shown
    assert "Redis" not in shown
    server.run(f"cp --preserve /root/environment {environment}")


def test_a_second_project_lives_on_the_same_machine(
    server: Machine, bake: Callable[..., Project], tmp_path: Path
) -> None:
    """For another name than it was generated for, and where another site of this nginx answers to unknown names."""
    second = bake(project_slug="second", **ALL_OFF | {"deployment": "systemd"})
    there = Machine(server.docker, server.container, server.ports, tmp_path)
    there.push(second.path, "second")
    others = "server { listen 80 default_server; listen [::]:80 default_server; return 404; }"
    server.run(f"rm /etc/nginx/sites-enabled/refuse.conf; echo '{others}' >/etc/nginx/conf.d/others.conf")
    server.run("echo '127.0.0.1 second.example.com' >>/etc/hosts")
    document = sections(second.path / "DEPLOYMENT.md")
    server.run(document["1. Fetch the project"][0], user="admin")
    provision = document["2. Prepare the machine"][0].strip() + " second.example.com"
    assert "another site answers to unknown names" in server.run(provision, user="admin").stdout
    server.run(document["3. Fill in what it cannot know"][0], user="admin")
    certificate = document["4. Get a certificate"][0].replace("--domain example.com", "--domain second.example.com")
    server.run(certificate, user="admin", timeout=120)
    server.run(document["5. Release"][0], user="admin")
    for host, name in (("example.com", "my_project"), ("second.example.com", "second")):
        assert json.loads(server.get("/health/", host=host).read())["service"] == name
        assert json.loads(server.get("/ready/", host=host).read())["status"] == "ready"
    environments = server.say("cat /etc/my_project/environment /etc/second/environment")
    assert re.findall(r"@127\.0\.0\.1:(63\d\d)/", environments) == ["6380", "6381"]
    assert server.get("/", host="unknown.example.com", scheme="http").status == 404


def test_everything_is_back_after_a_restart_of_the_machine(server: Machine) -> None:
    server.restart()
    wait_until(lambda: server.ready() == (200, {"database": True, "cache": True}), 60, "the site's return")
    assert server.get("/").status == 200
