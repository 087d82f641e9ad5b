"""The schema, the API docs, which work in a browser, and docs/api.md, whose commands work in a shell."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as project
from django.core.management import CommandError, call_command
from django.test import Client
from playwright.sync_api import Page
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from apps.users.models import User
from tests.conftest import leave_out
from tests.unit.test_environment import ROOT

ADDRESSES = ("/api/schema/", "/api/docs/")


def test_schema_file_agrees_with_the_code_in_any_environment() -> None:
    """Neither the database nor anything else of the environment makes a difference."""
    call_command("openapi", "--check")
    command = [sys.executable, "manage.py", "openapi", "--check"]
    others = {"PATH": os.environ["PATH"], "LANGUAGE_CODE": "de", "COOKIE_REFRESH_AUTH": "false"}
    run = subprocess.run(command, cwd=ROOT, env=others, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_a_file_that_says_something_else_is_refused(settings: Settings, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / "openapi.json").write_text("{}")
    with pytest.raises(CommandError, match="Run make openapi"):
        call_command("openapi", "--check")
    call_command("openapi")
    call_command("openapi", "--check")


@pytest.mark.django_db
@pytest.mark.parametrize("address", ADDRESSES)
class TestWhoSeesThem:
    def test_nobody_without_a_login(self, client: Client, address: str) -> None:
        response = client.get(address)
        assert response.status_code in (401, 403)
        assert response.headers["Content-Type"] == "application/problem+json"
        assert b"users" not in response.content

    def test_no_user_who_is_not_of_the_staff(self, client: Client, user: User, address: str) -> None:
        client.force_login(user)
        assert client.get(address).status_code == 403

    def test_the_staff(self, admin_client: Client, address: str) -> None:
        assert admin_client.get(address).status_code == 200

    def test_anybody_where_they_are_public(self, client: Client, settings: Settings, address: str) -> None:
        settings.OPENAPI_PUBLIC = True
        assert client.get(address).status_code == 200


def test_what_is_served_is_what_the_file_says(client: Client, settings: Settings) -> None:
    settings.OPENAPI_PUBLIC = True
    assert client.get("/api/schema/").json() == json.loads((settings.BASE_DIR / "openapi.json").read_text())


@pytest.mark.django_db(transaction=True)
def test_the_page_works_under_the_content_policy(admin_user: User, page: Page, live_server: LiveServer) -> None:
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/admin/login/?next=/api/docs/")
    page.fill("[name=username]", "root@example.com")
    page.fill("[name=password]", "correct horse battery")
    page.click("[type=submit]")
    page.wait_for_url("**/api/docs/")
    # It shows an operation, and asks it as the user whose token it is given.
    page.click("#operations-auth-auth_token_create button.opblock-summary-control")
    page.click("#operations-auth-auth_token_create .try-out__btn")
    page.fill(
        "#operations-auth-auth_token_create textarea.body-param__text",
        '{"email": "root@example.com", "password": "correct horse battery"}',
    )
    page.click("#operations-auth-auth_token_create .execute")
    answer = page.locator("#operations-auth-auth_token_create .live-responses-table code").first.inner_text()
    token = json.loads(answer)["access"]
    page.click(".auth-wrapper > .authorize")
    page.fill("#auth-bearer-value", token)
    page.click(".auth-container .authorize")
    page.click(".auth-container .btn-done")
    page.click("#operations-users-users_me_retrieve button.opblock-summary-control")
    page.click("#operations-users-users_me_retrieve .try-out__btn")
    page.click("#operations-users-users_me_retrieve .execute")
    shown = page.locator("#operations-users-users_me_retrieve .live-responses-table code").first
    assert json.loads(shown.inner_text())["email"] == "root@example.com"
    # A form with a choice, and what is folded.
    page.click("#operations-users-users_list button.opblock-summary-control")
    page.click("#operations-users-users_list .try-out__btn")
    page.locator("#operations-users-users_list select").first.select_option("true")
    page.locator("#model-User .model-box-control").first.click()
    assert complaints == []
    assert all(url.startswith(live_server.url) for url in asked)


@pytest.mark.django_db(transaction=True)
def test_commands_of_the_guide_log_in_and_out(user: User, live_server: LiveServer, tmp_path: Path) -> None:
    if not shutil.which("curl"):
        leave_out("curl is missing: install it.")
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    commands = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(commands) == 4
    script = "set -eu\n" + "echo\n".join(commands).replace("http://127.0.0.1:8000", live_server.url)
    run = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    me, tokens = [json.loads(line) for line in run.stdout.splitlines() if line]
    assert me["email"] == "ada@example.com"
    assert set(tokens) == {"access"}
    assert (OutstandingToken.objects.count(), BlacklistedToken.objects.count()) == (2, 2)


def test_guide_says_for_how_long_tokens_are_valid() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    lifetimes = project.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"], project.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]
    assert [lifetime.total_seconds() for lifetime in lifetimes] == [20 * 60, 14 * 24 * 3600]
    assert "valid for 20 minutes" in text
    assert "valid for two weeks" in text
    # As long as a session, after which a former SECRET_KEY is taken out.
    assert lifetimes[1].total_seconds() == project.SESSION_COOKIE_AGE
