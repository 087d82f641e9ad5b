"""That docs/api.md can be followed."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from pytest_django.live_server_helper import LiveServer
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from apps.users.models import User
from tests.conftest import leave_out


@pytest.mark.django_db(transaction=True)
def test_its_commands_log_in_and_out(user: User, live_server: LiveServer, tmp_path: Path) -> None:
    if not shutil.which("curl"):
        leave_out("curl is missing: install it.")
    text = (settings.BASE_DIR / "docs" / "api.md").read_text(encoding="utf-8")
    commands = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(commands) == 4
    script = "set -eu\n" + "echo\n".join(commands).replace("http://127.0.0.1:8000", live_server.url)
    run = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    me, tokens = [json.loads(line) for line in run.stdout.splitlines() if line]
    assert me["email"] == "ada@example.com"
    assert set(tokens) == {"access"}
    assert (OutstandingToken.objects.count(), BlacklistedToken.objects.count()) == (2, 2)


def test_it_says_for_how_long_tokens_are_valid() -> None:
    text = (settings.BASE_DIR / "docs" / "api.md").read_text(encoding="utf-8")
    lifetimes = settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"], settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]
    assert [lifetime.total_seconds() for lifetime in lifetimes] == [20 * 60, 14 * 24 * 3600]
    assert "valid for 20 minutes" in text
    assert "valid for two weeks" in text
    # As long as a session, after which a former SECRET_KEY is taken out.
    assert lifetimes[1].total_seconds() == settings.SESSION_COOKIE_AGE
