"""That .env.production.template names what the settings read, and the same defaults."""

import itertools
import re

from tests.unit.test_environment import ROOT, in_example
from tests.unit.test_production_document import REQUIRED

# The image and the Compose files decide these; DEBUG is nothing for production.
FIXED = {
    *("BACKUPS_DIR", "DEBUG", "FORWARDED_ALLOW_IPS", "GUNICORN_BIND", "MEDIA_ROOT", "READ_ONLY_LOCK_FILE"),
    *("RUN_MIGRATIONS_ON_START", "STATIC_COMPRESSION_CACHE", "STATIC_ROOT"),
}
# What Compose, and the containers that it adds, know besides.
COMPOSE = {
    "COMPOSE_PROJECT_NAME": "<< cookiecutter.project_slug >>",
    "COMPOSE_FILE": "compose.prod.yaml",
    "COMPOSE_PROFILES": "proxy",
    "POSTGRES_PASSWORD": "CHANGE_ME",
    "REDIS_PASSWORD": "CHANGE_ME",
    "OPERATOR_TOKEN": "CHANGE_ME",
}
COMPOSE_OPTIONAL = {
    "NGINX_HTTP_PORT": "80",
    "NGINX_HTTPS_PORT": "443",
    "NGINX_HTTPS": "true",
    "NGINX_TRUSTED_PROXIES": "",
    "SMOKE_URLS": "/",
    "BACKEND_HOST_PORT": "8000",
    "BACKUPS_AT": "02:30",
    # compose.prod.yaml has another than the settings.
    "BACKUPS_MAX_AGE_HOURS": "26",
}


def in_template() -> tuple[dict[str, str], dict[str, str]]:
    """Return the required and the optional variables of the template; each has a line of meaning above it."""
    required: dict[str, str] = {}
    optional: dict[str, str] = {}
    lines = (ROOT / ".env.production.template").read_text(encoding="utf-8").splitlines()
    for above, line in itertools.pairwise(lines):
        if match := re.fullmatch(r"(# )?([A-Z0-9_]+)=(.*)", line):
            assert re.match(r"# [A-Z][a-z]", above), f"{match[2]} has no line of meaning above it"
            (optional if match[1] else required)[match[2]] = match[3]
    return required, optional


def test_production_template_and_settings_have_the_same_variables_and_defaults() -> None:
    required, optional = in_template()
    example = {name: default for name, default in in_example().items() if name not in FIXED}
    # >> if cookiecutter.use_mfa
    # Its default in production is another than in development.
    example["MFA_REQUIRED"] = "true"
    # >> endif
    assert set(required) == set(COMPOSE) | set(REQUIRED) - {"DATABASE_URL", "REDIS_URL"}
    assert {name: required[name] for name in COMPOSE} == COMPOSE
    assert optional == {name: text for name, text in example.items() if name not in required} | COMPOSE_OPTIONAL
    assert set(in_example()) >= FIXED
