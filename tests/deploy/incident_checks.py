"""What docs/runbooks says of incidents, done on a machine as it is written, with a project that has background tasks.

A test module inherits from IncidentChecks, and has three fixtures: ``server``, the machine; ``manage``, what begins a
command of manage.py on it; and ``incidents``, how this deployment does what the runbooks leave to it. In a document
that has both ways of deploying, the first block under a heading is systemd's.
"""

import json
import re
import subprocess
from typing import NamedTuple

from tests.conftest import ROOT
from tests.deploy.release_checks import blocks, python
from tests.deploy.runbook_checks import FOLDER
from tests.deploy.runbook_checks import follow as follow_with_manage
from tests.deploy.site_checks import log_in
from tests.support.documents import sections
from tests.support.machine import Machine
from tests.support.servers import wait_until

SEND = "from apps.core.tasks import %s as task; [task.delay(%s) for number in range(%d)]"
# Tasks for the project that is deployed: one whose effect can be counted, one that kills what runs it, one that fails.
TASKS = '''

@shared_task
def count_up(number: int) -> None:
    """Tell in the cache that it has run."""
    from django.core.cache import cache

    cache.set(f"count-{number}", True, timeout=None)


@shared_task
def end_badly() -> None:
    """End the process that runs it, as the kernel does when memory is used up."""
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


@shared_task
def fail(token: str) -> None:
    """Raise an error."""
    raise ValueError(f"token={token}")
'''
# A page that sends a task which fails.
PAGE = '''

def send(request):
    """Have a task fail."""
    from django.http import HttpResponse

    from apps.core.tasks import fail

    fail.delay("hunter2hunter")
    return HttpResponse("sent")


urlpatterns.append(path("send/", send))
'''
COUNTED = 'from django.core.cache import cache; print(len(cache.get_many([f"count-{n}" for n in range(20)])))'
PARKED = "from ops.deliveries import parked; print(len(parked()))"
UNCOUNT = 'from django.core.cache import cache; cache.delete_many([f"count-{n}" for n in range(20)])'
# Lines that the log of the application has.
ERRORS = [
    '{"event": "request_failed", "logger": "django_structlog.middlewares.request", "level": "error", "status": 500}',
    '{"event": "failed", "level": "critical", "logger": "config", "timestamp": "2026-11-26T09:14:02Z"}',
]
NO_ERRORS = [
    '{"event": "no error", "level": "info", "logger": "config", "timestamp": "2026-11-26T09:14:02Z"}',
    '{"event": "request_finished", "path": "/error/", "status": 404, "level": "warning"}',
]
# The headings that have blocks; two of redis-down.md are named after what Redis runs in.
HEADINGS = {
    "start-and-stop": ["See the state of everything", "Stop", "Start", "Restart", "After a restart of the machine"],
    "logs": ["Where each log is", "The last errors", "One request"],
    "deploy-and-roll-back": ["Before", "Release", "See that it went well", "Roll back"],
    "queue-backlog": [
        *("Before you begin", "How long is it, and what runs?", "Start the worker", "More workers for a while"),
        *("Remove one kind", "A task that kills its worker"),
    ],
    "certificate-expiry": [
        *("How long is it valid?", "Renew it by hand", "What certbot has is not in use"),
        "A certificate from elsewhere",
    ],
    "lost-second-factor": ["Before you begin", "Give a code", "When no code is taken any more"],
    "rotate-secrets": ["`SECRET_KEY`", "The database", "Redis", "`OPERATOR_TOKEN`", "Take it over"],
    "incident-notes": [],
    "owners": [],
    "README": [],
}


class Incidents(NamedTuple):
    """What differs between the deployments, in commands of the machine."""

    # The file of the settings, and the variables in it that change when the passwords of database and Redis do.
    settings: str
    passwords: tuple[str, ...]
    # Stop Redis, and the database, as when they had ended by themselves; and the worker.
    stop_redis: str
    stop_database: str
    stop_worker: str
    # Print what tells when the site's process, and the worker's, have begun.
    begun: str
    # The guide that has the commands of a release and of the way back.
    guide: str
    # The key of the certificate that is served, and its mode, owner and group.
    key: tuple[str, str]
    # Start /root/errors_server.py where the site reaches it, by what name, and print what it has printed.
    start_errors: str
    errors: str
    reported: str


def follow(server: Machine, name: str, heading: str, number: int = 0, home: str = "") -> str:
    """Run a block of a runbook, in the folder ``home`` if there is one, and return what it prints."""
    text = blocks(server, heading, f"{FOLDER}/{name}.md")[number]
    result = server.run(f"cd {home or '/'}\n{text}", user="admin")
    return str(result.stdout)


def with_blocks(server: Machine, name: str) -> list[str]:
    """Return the headings of a runbook that have blocks."""
    return [heading for heading, found in sections(server.repository / f"{FOLDER}/{name}.md").items() if found]


def settings(server: Machine, incidents: Incidents) -> dict[str, str]:
    """Return the settings that a file of them has."""
    lines = server.say(f"cat {incidents.settings}").splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines if not line.startswith("#"))}


def report_errors(server: Machine, incidents: Incidents) -> bool:
    """Have errors reported to what start_errors starts, once the settings are taken over; say whether they changed."""
    if "SENTRY_DSN" in settings(server, incidents):
        return False
    server.run(f"echo SENTRY_DSN=http://key@{incidents.errors}:8090/1 >>{incidents.settings}")
    return True


def is_logged_in(server: Machine, cookie: str) -> bool:
    """Say whether a session is one of the administrator."""
    response = server.get("/admin/", headers={"Cookie": cookie})
    return response.status == 200 and "ann@example.com" in response.read().decode()


def is_operator(server: Machine, token: str) -> bool:
    """Say whether /ready/ takes who sends a token for an operator."""
    return "details" in json.loads(server.get("/ready/", headers={"Authorization": f"Bearer {token}"}).read())


class IncidentChecks:
    """The runbooks of incidents, one after another."""

    def test_every_block_of_the_incidents_is_run(self, server: Machine, incidents: Incidents) -> None:
        """By these tests; what releases and goes back by those of releases, which have the same commands."""
        assert {name: with_blocks(server, name) for name in HEADINGS} == HEADINGS
        for heading in ("Release", "Roll back"):
            in_guide = server.block(incidents.guide, heading)
            assert blocks(server, heading, f"{FOLDER}/deploy-and-roll-back.md")[0] == in_guide

    def test_the_state_is_shown_and_the_site_stopped_started_and_restarted(
        self, server: Machine, incidents: Incidents
    ) -> None:
        name = "start-and-stop"
        assert "redis" in follow(server, name, "See the state of everything")
        follow(server, name, "Stop")
        response = server.get("/")
        assert (response.status, "being worked on" in response.read().decode()) == (503, True)
        follow(server, name, "See the state of everything")
        follow(server, name, "Start")
        assert server.is_ready()
        before = server.say(incidents.begun).split()
        follow(server, name, "Restart")
        assert server.is_ready()
        after = server.say(incidents.begun).split()
        assert (len(after), len(before)) == (2, 2)
        assert set(before).isdisjoint(after)
        follow(server, name, "After a restart of the machine")

    def test_a_release_is_looked_at(self, server: Machine) -> None:
        assert f'"version": "{server.version()}"' in follow(server, "deploy-and-roll-back", "Before")
        said = follow(server, "deploy-and-roll-back", "See that it went well")
        assert f'"version": "{server.version()}"' in said
        assert '"status": "ready"' in said

    def test_an_error_is_found_in_the_logs_and_followed_by_its_number(
        self, server: Machine, incidents: Incidents
    ) -> None:
        follow(server, "logs", "Where each log is")
        cookie = log_in(server).split(";")[0]
        server.run(incidents.stop_database)
        response = server.get("/admin/", headers={"Cookie": cookie})
        request_id = response.headers["X-Request-ID"]
        assert response.status == 500
        follow(server, "database-down", with_blocks(server, "database-down")[1])
        look = blocks(server, "The last errors", f"{FOLDER}/logs.md")[0]
        wait_until(lambda: '"event": "request_failed"' in server.run(look, user="admin").stdout, 60, "the error's line")
        [pattern] = re.findall(r"grep --extended-regexp '(.*)'", look)
        pattern = pattern.replace("[]/", r"[\]/")
        assert [line for line in ERRORS if not re.search(pattern, line)] == []
        assert [line for line in NO_ERRORS if re.search(pattern, line)] == []
        one = blocks(server, "One request", f"{FOLDER}/logs.md")[0]
        said = server.run(re.sub("request_id=.*", f"request_id={request_id}", one), user="admin").stdout
        assert f'"request_id":"{request_id}"' in said
        assert f'"request_id": "{request_id}"' in said
        assert '"path": "/admin/", "status": 500' in said

    def test_without_redis_pages_go_on_and_it_is_started_again(self, server: Machine, incidents: Incidents) -> None:
        """What redis-down.md says of pages, logging in, the admin, tasks and the cache."""
        cookie = log_in(server).split(";")[0]
        server.run(incidents.stop_redis)
        # A process repeats its last outcome for a second.
        expected = (503, {"database": True, "cache": False, "broker": False})
        wait_until(lambda: server.ready() == expected, 60, "the failure of Redis's checks")
        assert (server.get("/").status, server.get("/health/").status) == (200, 200)
        assert is_logged_in(server, cookie)
        assert is_logged_in(server, log_in(server).split(";")[0])
        look, start = with_blocks(server, "redis-down")[:2]
        follow(server, "redis-down", look)
        follow(server, "redis-down", start)
        wait_until(server.is_ready, 60, "readiness")
        follow(server, "redis-down", start, 1)
        wait_until(server.is_ready, 60, "readiness")

    def test_who_has_lost_the_second_factor_gets_in_again(self, server: Machine) -> None:
        log_in(server)
        name, somebody = "lost-second-factor", {"somebody@example.com": "ann@example.com"}
        server.recovery_codes = [follow_with_manage(server, name, "Give a code", **somebody).split()[-1]]
        cookie = log_in(server).split(";")[0]
        assert is_logged_in(server, cookie)
        assert "is removed" in follow_with_manage(server, name, "When no code is taken any more", **somebody)
        assert not is_logged_in(server, cookie)
        assert is_logged_in(server, log_in(server).split(";")[0])

    def test_secrets_are_changed_and_nobody_is_logged_out(self, server: Machine, incidents: Incidents) -> None:
        name = "rotate-secrets"
        # Another test has errors reported, and here settings are taken over anyway.
        report_errors(server, incidents)
        cookie = log_in(server).split(";")[0]
        before, mode = settings(server, incidents), server.say(f"stat --format='%a %U %G' {incidents.settings}")
        said = follow(server, name, "`SECRET_KEY`")
        now = settings(server, incidents)
        assert now["SECRET_KEY_FALLBACKS"] == before["SECRET_KEY"] != now["SECRET_KEY"]
        said += follow(server, name, "Take it over")
        assert is_logged_in(server, cookie)
        new_cookie = log_in(server).split(";")[0]
        # The next to restart the site takes these over.
        later = len(blocks(server, "`SECRET_KEY`", f"{FOLDER}/{name}.md")) // 2
        for heading, number in (("`SECRET_KEY`", later), ("`OPERATOR_TOKEN`", 0), ("The database", 0), ("Redis", 0)):
            said += follow(server, name, heading, number)
        wait_until(server.is_ready, 60, "the site's return")
        after = settings(server, incidents)
        assert "SECRET_KEY_FALLBACKS" not in after
        assert not is_logged_in(server, cookie)
        assert is_logged_in(server, new_cookie)
        for variable in ("SECRET_KEY", "OPERATOR_TOKEN", *incidents.passwords):
            assert len(after[variable]) >= 48
            assert after[variable] != before[variable]
        assert (is_operator(server, before["OPERATOR_TOKEN"]), is_operator(server, after["OPERATOR_TOKEN"])) == (0, 1)
        assert server.say(f"stat --format='%a %U %G' {incidents.settings}") == mode
        assert [value for value in {*before.values(), *after.values()} if len(value) > 40 and value in said] == []

    def test_a_request_is_followed_through_nginx_and_its_task_to_the_report_of_an_error(
        self, server: Machine, incidents: Incidents
    ) -> None:
        if report_errors(server, incidents):
            follow(server, "rotate-secrets", "Take it over")
        program = ROOT / "tests/support/errors_server.py"
        command = [server.docker, "cp", "--quiet", str(program), f"{server.container}:/root/errors_server.py"]
        subprocess.run(command, check=True)
        server.run(incidents.start_errors)
        wait_until(lambda: "listening" in server.say(incidents.reported), 60, "the start of what takes reports")
        response = server.get("/send/?token=hunter2hunter")
        request_id = response.headers["X-Request-ID"]
        assert response.read() == b"sent"
        wait_until(lambda: request_id in server.say(incidents.reported), 60, "the error's report")
        [event] = [json.loads(line) for line in server.say(incidents.reported).splitlines() if request_id in line]
        assert event["tags"]["request_id"] == request_id
        assert event["exception"]["values"][-1]["type"] == "ValueError"
        assert (event["release"].startswith("my_project@"), event["environment"]) == (True, "production")
        one = blocks(server, "One request", f"{FOLDER}/logs.md")[0]
        said = server.run(re.sub("request_id=.*", f"request_id={request_id}", one), user="admin").stdout
        lines = [json.loads(line[line.index("{") :]) for line in said.splitlines() if "{" in line]
        assert {line["request_id"] for line in lines} == {request_id}
        [by_nginx] = [line for line in lines if "upstream" in line]
        assert (by_nginx["path"], by_nginx["status"]) == ("/send/", 200)
        assert sorted(line["event"] for line in lines if "event" in line) == ["request_finished", "task_failed"]
        assert "hunter2hunter" not in said + server.say(incidents.reported)

    def test_the_certificate_is_renewed_and_replaced(self, server: Machine, incidents: Incidents) -> None:
        name = "certificate-expiry"

        def served() -> str:
            said = follow(server, name, "How long is it valid?")
            assert "Expiry Date:" in said
            return re.findall("(?m)^serial=(.*)", said)[0]

        before = served()
        server.run(blocks(server, "Renew it by hand", f"{FOLDER}/{name}.md")[0], user="admin", timeout=120)
        wait_until(lambda: served() != before, 60, "the new certificate's coming into use")
        renewed = served()
        own = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=example.com -days 5 -set_serial 4711"
        server.run(f"cd; {own} -keyout privkey.pem -out fullchain.pem", user="admin")
        follow(server, name, "A certificate from elsewhere", home="/home/admin")
        wait_until(lambda: int(served(), 16) == 4711, 60, "the other certificate's coming into use")
        assert server.run("ls /home/admin/privkey.pem", check=False).returncode != 0
        place, rights = incidents.key
        assert server.say(f"stat --format='%a %u %g' {place}") == rights
        follow(server, name, "What certbot has is not in use")
        wait_until(lambda: served() == renewed, 60, "the renewed certificate's coming into use")
        wait_until(server.is_trusted, 60, "the certificate's being believed")

    def test_the_package_that_is_in_service_is_told(self, server: Machine) -> None:
        assert re.search(r"\d+\.\d+", follow(server, "vulnerable-dependency", "Is it in use?", 1))

    def test_a_backlog_is_seen_cut_and_worked_off(self, server: Machine, manage: str, incidents: Incidents) -> None:
        name = "queue-backlog"
        look = "How long is it, and what runs?"
        server.run(incidents.stop_worker)
        python(server, manage, f"{UNCOUNT}; {SEND % ('count_up', 'number', 5)}")
        python(server, manage, SEND % ("clear_expired_sessions", "", 3))
        said = follow_with_manage(server, name, look).replace("\r", "")
        assert "Waiting: 8\n       5    apps.core.tasks.count_up\n       3    apps.core" in said
        assert "No worker responds." in said
        assert "Removed 3 that waited" in follow_with_manage(server, name, "Remove one kind")
        assert python(server, manage, COUNTED) == "0"
        follow(server, name, "Start the worker")
        wait_until(lambda: python(server, manage, COUNTED) == "5", 60, "the tasks' being run")
        said = follow_with_manage(server, name, look)
        assert ("Waiting: 0" in said, len(workers(said))) == (True, 1)

    def test_there_are_more_workers_for_a_while(self, server: Machine) -> None:
        look = "How long is it, and what runs?"
        follow(server, "queue-backlog", "More workers for a while")
        wait_until(
            lambda: len(workers(follow_with_manage(server, "queue-backlog", look))) == 2,
            60,
            "the second worker's start",
        )
        follow(server, "queue-backlog", "More workers for a while", 1)
        assert len(workers(follow_with_manage(server, "queue-backlog", look))) == 1

    def test_a_task_that_kills_its_worker_is_parked(self, server: Machine, manage: str) -> None:
        python(server, manage, f"{UNCOUNT}; {SEND % ('end_badly', '', 1)}; {SEND % ('count_up', 'number', 3)}")
        wait_until(lambda: python(server, manage, PARKED) == "1", 120, "the task's being parked")
        wait_until(lambda: python(server, manage, COUNTED) == "3", 60, "the other tasks' being run")
        before = blocks(server, "Before you begin", f"{FOLDER}/queue-backlog.md")[0]
        replay, discard = (
            f"{before}{text}".replace("clear_expired_sessions", "end_badly")
            for text in blocks(server, "A task that kills its worker", f"{FOLDER}/queue-backlog.md")
        )
        assert "Sent again: " in server.run(replay, user="admin").stdout
        wait_until(lambda: python(server, manage, PARKED) == "1", 120, "the task's being parked again")
        assert "Removed: " in server.run(discard, user="admin").stdout
        said = follow_with_manage(server, "queue-backlog", "How long is it, and what runs?")
        assert "Waiting: 0" in said
        assert "end_badly" not in said


def workers(said: str) -> list[str]:
    """Return the names of the workers that task_queue tells of."""
    return re.findall(r"(?m)^(\S+@\S+) runs \d+\r?$", said)
