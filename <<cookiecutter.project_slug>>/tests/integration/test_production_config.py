"""What production runs with, and what it refuses to run with."""

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.unit.test_production_document import refusals

ROOT = Path(__file__).resolve().parents[2]
# The least that production needs.
ENVIRONMENT = {
    "SECRET_KEY": "pL0vZ8mQ2xW6tR4yN1cB7jH5kD3sF9gA-uE_iOqXwTzMrKnVbY",
    "ALLOWED_HOSTS": "www.example.com",
    "CSRF_TRUSTED_ORIGINS": "https://www.example.com",
    "DATABASE_URL": "postgres://app:password@127.0.0.1:5432/app",
    "REDIS_URL": "redis://:password@127.0.0.1:6379/0",
    "EMAIL_HOST": "smtp.example.com",
    # >> if cookiecutter.media_storage == "s3"
    "AWS_STORAGE_BUCKET_NAME": "uploads",
    # >> endif
}
PRINT = """
import json
from django.conf import settings
print(json.dumps({name: getattr(settings, name) for name in dir(settings) if name.isupper()}, default=str))
"""
# What a process needs in any case; the last has coverage measured in it too.
PASSED_ON = ("PATH", "SYSTEMROOT", "COVERAGE_PROCESS_CONFIG")


def python(*arguments: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
    """Run Python with the production settings, in an environment of ENVIRONMENT and ``environment`` (None: unset)."""
    variables = {**ENVIRONMENT, **environment, "DJANGO_SETTINGS_MODULE": "config.settings.production"}
    variables |= {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    given = {name: value for name, value in variables.items() if value is not None}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=given, capture_output=True, text=True, check=False
    )


@cache
def settings(**environment: str | None) -> dict[str, Any]:
    """Return the production settings; each environment is loaded once."""
    run = python("-c", PRINT, **environment)
    assert run.returncode == 0, run.stderr
    result: dict[str, Any] = json.loads(run.stdout)
    return result


def test_the_values_that_protect_visitors() -> None:
    production = settings()
    expected = {
        "DEBUG": False,
        "ALLOWED_HOSTS": ["www.example.com"],
        "CSRF_TRUSTED_ORIGINS": ["https://www.example.com"],
        "SECURE_SSL_REDIRECT": True,
        # gunicorn.conf.py decides whose X-Forwarded-Proto is believed.
        "SECURE_PROXY_SSL_HEADER": None,
        "SECURE_HSTS_SECONDS": 3600,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": False,
        "SECURE_HSTS_PRELOAD": False,
        "SECURE_CONTENT_TYPE_NOSNIFF": True,
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_NAME": "__Host-sessionid",
        "CSRF_COOKIE_SECURE": True,
        "CSRF_COOKIE_NAME": "__Host-csrftoken",
        "CSRF_COOKIE_SAMESITE": "Lax",
        "X_FRAME_OPTIONS": "DENY",
        "AUTH_USER_MODEL": "users.User",
    }
    assert {name: production[name] for name in expected} == expected


def test_the_values_that_keep_a_slow_server_from_holding_requests() -> None:
    production = settings()
    database = production["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["CONN_MAX_AGE"], database["CONN_HEALTH_CHECKS"]) == (600, True)
    assert database["OPTIONS"]["connect_timeout"] == 2
    cache = production["CACHES"]["default"]
    assert cache["BACKEND"].endswith(".RedisCache")
    assert (cache["OPTIONS"]["socket_timeout"], cache["OPTIONS"]["socket_connect_timeout"]) == (1, 1)
    assert production["MAILERS"]["default"]["OPTIONS"]["timeout"] == 10


def test_the_environment_is_what_decides() -> None:
    production = settings(
        DATABASE_URL="postgresql://app:p%40ss@db.example.com:6432/app"
        "?sslmode=verify-full&connect_timeout=5&keepalives_idle=60",
        CONN_MAX_AGE="0",
        SECURE_HSTS_SECONDS="31536000",
        SECURE_SSL_REDIRECT="false",
        DATABASE_LOCK_TIMEOUT="10",
        TIME_ZONE="Europe/Berlin",
        EMAIL_PORT="25",
        EMAIL_USE_TLS="no",
    )
    database = production["DATABASES"]["default"]
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.example.com", 6432, "app")
    assert database["PASSWORD"] == "p@ss"
    given = {"sslmode": "verify-full", "connect_timeout": 5, "keepalives_idle": 60}
    assert database["OPTIONS"] == given | {"keepalives_interval": 10, "keepalives_count": 3}
    assert production["DATABASE_TIMEOUTS"]["lock_timeout"] == 10
    assert database["CONN_MAX_AGE"] == 0
    assert production["SECURE_HSTS_SECONDS"] == 31536000
    assert production["SECURE_SSL_REDIRECT"] is False
    # A browser keeps these over plain HTTP too.
    cookies = [production[f"{kind}_COOKIE_{what}"] for what in ("NAME", "SECURE") for kind in ("SESSION", "CSRF")]
    assert cookies == ["sessionid", "csrftoken", False, False]
    assert production["TIME_ZONE"] == "Europe/Berlin"
    options = production["MAILERS"]["default"]["OPTIONS"]
    assert (options["host"], options["port"], options["use_tls"]) == ("smtp.example.com", 25, False)


def test_mail_is_encrypted_in_one_way() -> None:
    for environment, ways in (({}, (True, False)), ({"EMAIL_USE_SSL": "true"}, (False, True))):
        options = settings(**environment)["MAILERS"]["default"]["OPTIONS"]
        assert (options["use_tls"], options["use_ssl"]) == ways


def test_the_deployment_checks_have_nothing_to_say() -> None:
    run = python("manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert (run.returncode, run.stderr) == (0, "")
    assert "no issues" in run.stdout


def test_static_files_are_named_after_their_content_and_compressed(tmp_path: Path) -> None:
    command = ["manage.py", "collectstatic", "--no-input"]
    # >> if cookiecutter.use_api
    # Swagger UI takes longer to compress than all else together.
    command += ["--ignore", "drf_spectacular_sidecar"]
    # >> endif
    run = python(*command, STATIC_ROOT=str(tmp_path))
    assert run.returncode == 0, run.stderr
    names = {path.name for path in (tmp_path / "css").iterdir()}
    assert any(re.fullmatch(r"site\.[0-9a-f]{12}\.css", name) for name in names)
    assert any(re.fullmatch(r"site\.[0-9a-f]{12}\.css\.gz", name) for name in names)
    assert "site.css" in names


PROBLEMS: list[tuple[dict[str, str | None], str]] = [
    ({"SECRET_KEY": None}, "SECRET_KEY is missing"),
    ({"SECRET_KEY": ""}, "SECRET_KEY is missing"),
    ({"SECRET_KEY": "development-only-never-in-production"}, "SECRET_KEY is missing or the development key"),
    ({"SECRET_KEY": ENVIRONMENT["SECRET_KEY"][:49]}, "SECRET_KEY has 49 characters; use at least 50"),
    ({"SECRET_KEY": "django-insecure-" + ENVIRONMENT["SECRET_KEY"]}, "SECRET_KEY is a placeholder"),
    ({"SECRET_KEY": "change-me-" * 6}, "SECRET_KEY is a placeholder"),
    ({"SECRET_KEY": "x" * 60}, "SECRET_KEY is a placeholder"),
    ({"ALLOWED_HOSTS": None}, "ALLOWED_HOSTS is empty"),
    ({"ALLOWED_HOSTS": "www.example.com,*"}, "ALLOWED_HOSTS holds *"),
    ({"CSRF_TRUSTED_ORIGINS": None}, "CSRF_TRUSTED_ORIGINS is empty"),
    ({"CSRF_TRUSTED_ORIGINS": "http://www.example.com"}, "CSRF_TRUSTED_ORIGINS holds http://www.example.com"),
    ({"DATABASE_URL": None}, "DATABASE_URL is missing or not PostgreSQL"),
    ({"DATABASE_URL": "sqlite:////tmp/db.sqlite3"}, "DATABASE_URL is missing or not PostgreSQL"),
    ({"REDIS_URL": None}, "REDIS_URL is missing"),
    # >> if cookiecutter.use_celery
    ({"CELERY_BROKER_URL": ENVIRONMENT["REDIS_URL"]}, "CELERY_BROKER_URL names the database of REDIS_URL"),
    ({"CELERY_BROKER_URL": "redis://127.0.0.1"}, "CELERY_BROKER_URL names the database of REDIS_URL"),
    ({"CELERY_BROKER_URL": "redis://:other@127.0.0.1:6379/?db=0"}, "CELERY_BROKER_URL names the database of REDIS_URL"),
    # >> endif
    ({"DEBUG": "true"}, "DEBUG is true"),
    ({"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}, "EMAIL_BACKEND is django.core.mail"),
    ({"EMAIL_HOST": None}, "EMAIL_HOST is missing"),
    # >> if cookiecutter.media_storage == "s3"
    ({"AWS_STORAGE_BUCKET_NAME": None}, "AWS_STORAGE_BUCKET_NAME is missing"),
    # >> endif
]


@pytest.fixture(scope="module")
def refused() -> list[str]:
    """What production says of each of PROBLEMS, loaded by one process."""
    environments = [{**ENVIRONMENT, **changes} for changes, _ in PROBLEMS]
    return refusals(*({name: value for name, value in one.items() if value is not None} for one in environments))


@pytest.mark.parametrize("number", range(len(PROBLEMS)), ids=[sentence for _, sentence in PROBLEMS])
def test_problem_is_refused(refused: list[str], number: int) -> None:
    _, sentence = PROBLEMS[number]
    assert f"  - {sentence}" in refused[number]
    assert refused[number].count("  - ") == 1


def test_refusal_ends_manage_py_without_a_traceback(refused: list[str]) -> None:
    changes, sentence = PROBLEMS[0]
    run = python("manage.py", "check", **changes)
    assert run.returncode == 1
    assert f"  - {sentence}" in run.stderr
    assert refused[0] in run.stderr
    assert "Traceback" not in run.stderr


def test_all_problems_are_named_at_once() -> None:
    run = python("-c", "import config.wsgi", **dict.fromkeys(ENVIRONMENT), DEBUG="1")
    assert run.returncode == 1
    for name in [*ENVIRONMENT, "DEBUG"]:
        assert f"  - {name} " in run.stderr


def test_a_value_that_cannot_be_read_is_named_without_a_traceback() -> None:
    run = python("manage.py", "check", SECURE_SSL_REDIRECT="ture")
    assert (run.returncode, run.stderr) == (1, "Error: SECURE_SSL_REDIRECT must be true or false.\n")
