"""The command itself: what it prints, how it ends, what it refuses, and what it never tells."""

import json
import os
import re
import subprocess
import sys
import time
from io import StringIO
from typing import Any

import pytest
from django.conf import settings as project
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from pytest_django import Settings

from ops.contracts import Finding, Target, error, note, ok, warning
from ops.preflight import runner
from tests.integration.test_production_config import ENVIRONMENT, ROOT

FOLDER = "tests.ops.preflight.test_command"


def well(target: Target) -> Finding:
    """Find nothing wrong."""
    return ok(f"All is well at {target.url}.")


def known(target: Target) -> Finding:
    """Find something to be known."""
    return note("So it is.")


def doubtful(target: Target) -> Finding:
    """Find something doubtful."""
    return warning("It is doubtful.", "Look at it: ls")


def wrong(target: Target) -> Finding:
    """Find something wrong, and tell a secret."""
    return error(
        f"It is wrong: {project.SECRET_KEY} at postgres://user:hunter2@db.example.com/x, {project.OPERATOR_TOKEN}.",
        f"Not with {project.DATABASES['other']['PASSWORD']}: ls",
    )


def broken(target: Target) -> Finding:
    """Fail, and tell a secret."""
    raise RuntimeError(
        f"could not connect to redis://:p%40ss-word@db.example.com/0 with {project.OPERATOR_TOKEN}\nmore"
    )


def hanging(target: Target) -> Finding:
    """Hang for longer than anybody waits."""
    time.sleep(60)
    raise AssertionError


def run(**options: Any) -> tuple[int, str]:
    """Return the status of the command, and what it prints."""
    output = StringIO()
    try:
        call_command("preflight", stdout=output, no_color=True, **options)
    except SystemExit as end:
        return int(str(end.code)), output.getvalue()
    return 0, output.getvalue()


def use(settings: Settings, *names: str) -> None:
    """Let the checks be some of these."""
    settings.PREFLIGHT_CHECKS = {name: f"{FOLDER}.{name}" for name in names}
    settings.ALLOWED_HOSTS = ["www.example.com", "example.com"]


@pytest.mark.parametrize(
    ("names", "status", "word"),
    [
        (["well"], 0, "ok"),
        (["well", "known"], 0, "note"),
        (["doubtful", "known", "well"], 1, "warning"),
        (["wrong", "doubtful", "well"], 2, "error"),
        (["broken"], 2, "error"),
        ([], 0, "ok"),
    ],
)
def test_the_status_is_that_of_the_worst(settings: Settings, names: list[str], status: int, word: str) -> None:
    settings.DATABASES["other"] = {"PASSWORD": "hunter3"}
    use(settings, *names)
    assert run()[0] == status
    shown, output = run(json=True)
    assert shown == status
    report = json.loads(output)
    assert report["status"] == word
    assert [check["name"] for check in report["checks"]] == names
    for check in report["checks"]:
        assert set(check) == {"name", "severity", "message", "hint"}
        assert check["hint"] or check["severity"] in ("ok", "note")
    del settings.DATABASES["other"]


def test_each_check_has_a_line_and_its_hint_below(settings: Settings) -> None:
    use(settings, "doubtful", "well", "known")
    assert run()[1].splitlines() == [
        "WARNING  doubtful     It is doubtful.",
        "                      -> Look at it: ls",
        "OK       well         All is well at https://www.example.com.",
        "NOTE     known        So it is.",
        "3 checks: 1 OK, 1 NOTE, 1 WARNING.",
    ]


def test_colours_are_for_terminals(settings: Settings) -> None:
    use(settings, "doubtful", "well")
    output = StringIO()
    with pytest.raises(SystemExit):
        call_command("preflight", stdout=output, force_color=True)
    assert "\x1b[" in output.getvalue()
    assert "\x1b[" not in run()[1]


def test_no_secret_is_told(settings: Settings) -> None:
    settings.SECRET_KEY = "a-key-of-the-tests"
    settings.OPERATOR_TOKEN = "a-token-of-the-tests"
    settings.REDIS_URL = "redis://:p%40ss-word@db.example.com/0"
    settings.DATABASES["other"] = {"PASSWORD": "hunter3"}
    use(settings, "wrong", "broken")
    for options in ({}, {"json": True}):
        _, output = run(**options)
        assert "db.example.com" in output
        assert "It is wrong" in output
        for secret in ("a-key-of", "a-token-of", "hunter", "p%40ss", "p@ss"):
            assert secret not in output
    del settings.DATABASES["other"]


def test_what_hangs_does_not_hang_the_command(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "DEADLINE", 0.5)
    use(settings, "hanging", "well")
    start = time.monotonic()
    status, output = run()
    assert time.monotonic() - start < 3
    assert status == 2
    assert "ERROR    hanging      The check did not end within" in output
    assert "--skip hanging" in output
    assert "OK       well" in output


def test_what_it_logs_is_not_in_the_report_and_logging_goes_on(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    import logging

    use(settings, "well")
    run(json=True)
    logging.getLogger("anybody").error("afterwards")
    assert "afterwards" in caplog.text


def test_checks_are_left_out(settings: Settings) -> None:
    use(settings, "wrong", "well", "known")
    status, output = run(skip=["wrong", "known"])
    assert (status, output.count("\n")) == (0, 2)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"skip": ["wel", "well"]}, "--skip: unknown check wel. Choose from well."),
        ({"url": "http://www.example.com"}, "--url: expected https:// and a host, such as https://www.example.com."),
        ({"url": "www.example.com"}, "--url: expected https:// and a host, such as https://www.example.com."),
        ({"url": "https://"}, "--url: expected https:// and a host, such as https://www.example.com."),
        (
            {"url": "https://a:b@www.example.com"},
            "--url: expected https:// and a host, such as https://www.example.com.",
        ),
        ({"url": "https://[x"}, "--url: expected https:// and a host, such as https://www.example.com."),
        (
            {"url": "https://elsewhere.example.org"},
            "--url: elsewhere.example.org is not in ALLOWED_HOSTS.",
        ),
    ],
)
def test_a_wrong_call_is_refused(settings: Settings, options: dict[str, Any], sentence: str) -> None:
    use(settings, "well")
    with pytest.raises(CommandError) as refusal:
        call_command("preflight", **options)
    assert (str(refusal.value), refusal.value.returncode) == (sentence, 2)


@pytest.mark.parametrize("url", ["https://example.com", "https://example.com:8443/path?query"])
def test_another_address_of_the_site_is_asked(settings: Settings, url: str) -> None:
    use(settings, "well")
    assert f"All is well at {url.removesuffix('/path?query')}." in run(url=url)[1]


def test_a_name_that_leads_nowhere_is_an_error_of_check(settings: Settings) -> None:
    assert [message for message in run_checks() if message.id == "preflight.E001"] == []
    settings.PREFLIGHT_CHECKS = {"nothing": "apps.nothing.check"}
    [message] = [message for message in run_checks() if message.id == "preflight.E001"]
    assert "apps.nothing.check for nothing" in message.msg


def test_a_name_that_leads_nowhere_is_a_finding(settings: Settings) -> None:
    settings.PREFLIGHT_CHECKS = {"nothing": "apps.nothing.check", "well": f"{FOLDER}.well"}
    status, output = run()
    assert status == 2
    assert "ERROR    nothing      PREFLIGHT_CHECKS names apps.nothing.check: No module named" in output
    assert "OK       well" in output


def test_a_password_of_the_mail_server_in_the_open_is_a_remark_of_check(settings: Settings) -> None:
    for host, count in (("smtp.example.com", 1), ("localhost", 0)):
        options = {"host": host, "username": "site", "password": "password", "use_tls": False, "use_ssl": False}
        settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}
        found = run_checks(include_deployment_checks=True)
        assert len([message for message in found if message.id == "preflight.I001"]) == count


def test_the_settings_of_the_tests_are_not_those_of_production() -> None:
    from tests.ops.preflight.conftest import look

    severity, message, hint = look("settings")
    assert (severity, message.startswith("config.settings.test: SECRET_KEY is missing")) == ("error", True)
    assert "DJANGO_SETTINGS_MODULE=config.settings.production" in hint
    severity, message, hint = look("deploy")
    assert (severity in ("warning", "error"), "(security.W" in message) == (True, True)
    assert hint.endswith("check --deploy")


def preflight(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it as an operator does, with production's settings."""
    variables = ENVIRONMENT | environment | {"DJANGO_SETTINGS_MODULE": "config.settings.production"}
    return subprocess.run(
        [sys.executable, "manage.py", "preflight", *arguments],
        cwd=ROOT,
        env=variables | {"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_settings_that_do_not_load_are_a_finding_too() -> None:
    result = preflight("--json", SECRET_KEY="", DEBUG="true")
    report = json.loads(result.stdout)
    assert (result.returncode, result.stderr, report["status"]) == (2, "", "error")
    [found] = report["checks"]
    assert "SECRET_KEY is missing" in found["message"]
    assert "; DEBUG is true" in found["message"]
    assert "Put right what is named" in found["hint"]
    result = preflight(SECURE_SSL_REDIRECT="ture")
    assert (result.returncode, result.stderr) == (2, "")
    assert "ERROR    settings     The settings do not load" in result.stdout
    assert "SECURE_SSL_REDIRECT must be true or false." in result.stdout


def test_with_nothing_to_ask_it_ends_in_time_and_names_all_that_is_wrong() -> None:
    """Production's settings as they should be, and no server anywhere."""
    nowhere = "127.0.0.1:9"
    start = time.monotonic()
    result = preflight(
        # What is in a bucket is asked for more than once.
        *("--json", "--skip", "media"),
        ALLOWED_HOSTS="localhost",
        DATABASE_URL=f"postgres://app:hunter2-and-more@{nowhere}/app",
        REDIS_URL=f"redis://:hunter3-and-more@{nowhere}/0",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT="9",
        STATIC_ROOT="/nonexistent/static",
    )
    assert time.monotonic() - start < 30
    assert (result.returncode, result.stderr) == (2, "")
    found = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert list(found) == [name for name in project.PREFLIGHT_CHECKS if name != "media"]
    assert found["settings"]["severity"] == found["deploy"]["severity"] == "ok"
    errors = {name for name, check in found.items() if check["severity"] == "error"}
    assert {"database", "cache", "email", "static", "certificate", "site"} <= errors
    assert not re.search("hunter", result.stdout)
