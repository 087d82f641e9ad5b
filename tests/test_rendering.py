"""What comes out, for every pair of answers."""

import ast
import json
import os
import py_compile
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from local_extensions import markdown
from tests.combinations import ALL_OFF, ALL_ON, NASTY_NAME, Answers, all_pairs, each_piece, name_of
from tests.conftest import Project, clean_environment, tool

ALWAYS = """
.cookiecutter.json .editorconfig .env.example .gitignore .pre-commit-config.yaml .python-version CHANGELOG.md
CONTRIBUTING.md LICENSE Makefile PRODUCTION.md README.md SECURITY.md SECURITY-FINDINGS.md gunicorn.conf.py manage.py
pyproject.toml python.mk start_production.sh
docs/threat-model.md tests/integration/test_admin_input.py
apps/__init__.py
apps/core/__init__.py apps/core/apps.py apps/core/context_processors.py apps/core/mixins.py apps/core/sanitizing.py
apps/core/templatetags/__init__.py apps/core/templatetags/core.py apps/core/validators.py apps/core/views.py
apps/users/__init__.py apps/users/admin.py apps/users/apps.py apps/users/forms.py apps/users/hashers.py
apps/users/limits.py apps/users/lockout.py apps/users/managers.py apps/users/migrations/0001_initial.py
apps/users/migrations/__init__.py apps/users/models.py apps/users/password_reset.py apps/users/urls.py
apps/users/views.py
ops/README.md ops/__init__.py ops/contracts.py ops/files.py ops/http.py ops/postgres.py ops/probes.py
ops/read_only_state.py ops/redaction.py ops/signals.py
ops/backups/__init__.py ops/backups/apps.py ops/backups/archive.py ops/backups/copies.py ops/backups/databases.py
ops/backups/files.py ops/backups/making.py ops/backups/management/__init__.py
ops/backups/management/commands/__init__.py ops/backups/management/commands/backup_database.py
ops/backups/management/commands/former_databases.py ops/backups/management/commands/list_backups.py
ops/backups/management/commands/restore_database.py ops/backups/management/commands/verify_backup.py
ops/backups/media.py ops/backups/preflight.py ops/backups/programs.py ops/backups/progress.py ops/backups/restoring.py
ops/backups/state.py
ops/deployments/__init__.py ops/deployments/platform.py
ops/health/__init__.py ops/health/apps.py ops/health/middleware.py ops/health/readiness.py ops/health/urls.py
ops/health/views.py
ops/observability/__init__.py ops/observability/apps.py ops/observability/logs.py ops/observability/middleware.py
ops/preflight/__init__.py ops/preflight/apps.py ops/preflight/checks/__init__.py ops/preflight/checks/django.py
ops/preflight/checks/files.py ops/preflight/checks/host.py ops/preflight/checks/mail.py
ops/preflight/checks/services.py ops/preflight/checks/site.py ops/preflight/management/__init__.py
ops/preflight/management/commands/__init__.py ops/preflight/management/commands/preflight.py ops/preflight/report.py
ops/preflight/runner.py ops/preflight/client.py ops/preflight/system_checks.py ops/preflight/unusable.py
ops/read_only/__init__.py ops/read_only/apps.py ops/read_only/connections.py ops/read_only/database.py
ops/read_only/details.py ops/read_only/management/__init__.py ops/read_only/management/commands/__init__.py
ops/read_only/management/commands/read_only.py ops/read_only/middleware.py ops/read_only/preflight.py
ops/read_only/sessions.py
ops/security/__init__.py ops/security/apps.py ops/security/csp_reports.py ops/security/middleware.py
ops/security/system_checks.py
config/__init__.py config/asgi.py config/preflight.py config/urls.py config/wsgi.py
config/settings/__init__.py config/settings/base.py config/settings/development.py config/settings/environment.py
config/settings/guard.py config/settings/production.py config/settings/test.py
config/settings/components/accounts.py config/settings/components/backups.py
config/settings/components/headers.py
docs/runbooks/README.md docs/runbooks/back-up.md docs/runbooks/database-down.md docs/runbooks/deploy-and-roll-back.md
docs/runbooks/disk-full.md docs/runbooks/drill.md docs/runbooks/incident-notes.md docs/runbooks/logs.md
docs/runbooks/owners.md docs/runbooks/read-only-window.md docs/runbooks/redis-down.md docs/runbooks/restore.md
docs/runbooks/rotate-secrets.md docs/runbooks/start-and-stop.md docs/runbooks/vulnerable-dependency.md
docs/maintainers/release-workflow.md docs/maintainers/template.md
docs/maintainers/planning/releases/README.md docs/maintainers/planning/releases/history.md
docs/maintainers/planning/releases/templates/checklist.md docs/maintainers/planning/releases/templates/release-notes.md
requirements/development.txt requirements/production.txt requirements/test.txt
static/css/site.css static/favicon.svg static/js/csrf.js
templates/400.html templates/403.html templates/403_csrf.html templates/404.html templates/429.html
templates/accounts/account.html templates/accounts/logged_out.html templates/accounts/login.html
templates/accounts/messages.html templates/accounts/password_change.html templates/accounts/password_reset.html
templates/accounts/password_reset_confirm.html templates/accounts/password_reset_email.txt
templates/accounts/password_reset_sent.html templates/accounts/password_reset_subject.txt
templates/500.html templates/base.html
templates/document.html templates/error.html templates/home.html templates/read_only.html
tests/__init__.py tests/conftest.py tests/object_storage.py tests/unit/__init__.py tests/integration/__init__.py
tests/performance/__init__.py
tests/unit/test_admin_path.py tests/unit/test_deployment_commands.py tests/unit/test_drift_command.py
tests/unit/test_environment.py
tests/unit/test_mixins.py
tests/unit/test_production_document.py tests/unit/test_read_only.py
tests/unit/test_release_checklist.py tests/unit/test_release_compatibility.py tests/unit/test_release_facts.py
tests/unit/test_redaction.py
tests/unit/test_requests.py
tests/unit/test_release_texts.py tests/unit/test_release_versions.py tests/unit/test_release_words.py
tests/unit/test_sanitizing.py
tests/unit/test_template_filters.py tests/unit/test_users.py tests/unit/test_validators.py
tests/integration/test_accounts.py tests/integration/test_content_policy.py
tests/integration/test_csp_reports.py
tests/integration/test_security_headers.py
tests/integration/test_csrf_js.py tests/integration/test_documents.py tests/integration/test_health.py
tests/integration/test_logs.py tests/integration/test_pages.py tests/integration/test_production_config.py
tests/integration/test_read_only_database.py
tests/integration/backups/__init__.py tests/integration/backups/conftest.py
tests/integration/backups/test_backup.py tests/integration/backups/test_copies.py
tests/integration/backups/test_restore.py
tests/integration/preflight/__init__.py tests/integration/preflight/conftest.py
tests/integration/preflight/test_command.py tests/integration/preflight/test_files.py
tests/integration/preflight/test_services.py tests/integration/preflight/test_site.py
tests/integration/test_release_commands.py tests/integration/test_release_migrations.py
tests/performance/test_response_times.py
tools/__init__.py tools/drift.py
tools/release/__init__.py tools/release/__main__.py tools/release/check.py tools/release/checklist.py
tools/release/compatibility.py tools/release/database.py tools/release/errors.py tools/release/facts.py
tools/release/git.py tools/release/locks.py tools/release/migrations.py
tools/release/new.py tools/release/papers.py tools/release/pending.py tools/release/project.py tools/release/tag.py
tools/release/version.py tools/release/words.py
"""
# What a piece adds, and the words that stand nowhere without it (but "workers = env.", which is gunicorn's).
ADDED = {
    "server": """
        DEPLOYMENT.md ops/security/management/__init__.py ops/security/management/commands/__init__.py
        ops/security/management/commands/nginx_headers.py deploy/certificate.sh deploy/common.sh deploy/redis.conf
        deploy/nginx/413.html deploy/nginx/429.html deploy/nginx/host.conf deploy/nginx/http.conf
        deploy/nginx/maintenance.html deploy/nginx/mozilla-intermediate.conf deploy/nginx/proxy.conf
        deploy/nginx/redirect.conf deploy/nginx/refuse.conf deploy/nginx/render deploy/nginx/server.conf
        deploy/nginx/site.conf docs/runbooks/certificate-expiry.md tests/integration/test_nginx_headers.py
    """,
    "systemd": """
        ops/deployments/systemd.py
        deploy/lib.sh deploy/bin/certificate deploy/bin/manage deploy/bin/provision deploy/bin/release
        deploy/bin/rollback deploy/bin/status deploy/systemd/all.target deploy/systemd/hardening.conf
        deploy/systemd/backup.service deploy/systemd/backup.timer deploy/systemd/places.conf
        deploy/systemd/redis.conf deploy/systemd/web.service deploy/systemd/web.socket
    """,
    "docker": """
        ops/deployments/docker.py
        .dockerignore .env.production.template Dockerfile compose.host-expose.yaml compose.prod.yaml compose.yaml
        deploy/docker/ask.py deploy/docker/backups deploy/docker/certificate deploy/docker/check_env.py
        deploy/docker/collect-programs deploy/docker/database.sql
        deploy/docker/gate.conf deploy/docker/lib.sh deploy/docker/local.conf deploy/docker/manage
        deploy/docker/migrate-plan
        deploy/docker/new_env.py
        deploy/docker/nginx.conf deploy/docker/publish deploy/docker/push-image deploy/docker/release
        deploy/docker/rollback deploy/docker/serve deploy/docker/smoke
        deploy/docker/take-over deploy/docker/up deploy/nginx/http-only.conf docs/coolify.md
        nginx/acme/.gitignore nginx/ssl/.gitignore tests/unit/test_production_environment.py
    """,
    "api": """
        apps/api/__init__.py apps/api/apps.py apps/api/documents.py apps/api/middleware.py apps/api/pagination.py
        apps/api/parsers.py apps/api/permissions.py apps/api/problems.py apps/api/schema.py apps/api/static_files.py
        apps/api/system_checks.py apps/api/throttling.py apps/api/urls.py apps/api/v1.py
        apps/api/management/__init__.py apps/api/management/commands/__init__.py
        apps/api/management/commands/openapi.py
        apps/api/tokens/__init__.py apps/api/tokens/classes.py apps/api/tokens/cookie.py
        apps/api/tokens/credentials.py apps/api/tokens/rotation.py apps/api/tokens/serializers.py
        apps/api/tokens/views.py
        apps/api/users/__init__.py apps/api/users/filters.py apps/api/users/serializers.py apps/api/users/views.py
        config/settings/components/api.py docs/api.md openapi.json static/css/api-documents.css
        static/js/api-documents.js templates/api/documents.html tests/integration/api/__init__.py
        tests/integration/api/conftest.py tests/integration/api/test_conformance.py
        tests/integration/api/test_cors.py tests/integration/api/test_documents.py
        tests/integration/api/test_guide.py tests/integration/api/test_problems.py
        tests/integration/api/test_production.py tests/integration/api/test_throttling.py
        tests/integration/api/test_tokens.py tests/integration/api/test_users.py
    """,
    "api and celery": "apps/api/tasks.py tests/integration/api/test_tasks.py",
    "api and mfa": "apps/api/tokens/second_factor.py tests/integration/api/test_second_factor.py",
    "celery": """
        apps/core/tasks.py ops/read_only/beat.py ops/read_only/task.py
        ops/read_only/management/commands/task_queue.py ops/read_only/queue.py
        apps/users/tasks.py
        ops/read_only/worker.py ops/observability/task_lines.py ops/preflight/checks/tasks.py
        ops/preflight/tasks.py config/celery.py
        config/settings/components/celery.py docs/runbooks/queue-backlog.md tests/integration/test_celery.py
        tests/integration/test_read_only_tasks.py tests/integration/test_task_logs.py
        tests/integration/test_task_queue.py tests/unit/test_tasks.py
    """,
    "no celery": "apps/users/threads.py",
    "celery and systemd": "deploy/systemd/beat.service deploy/systemd/worker.service",
    "metrics": """
        ops/backups/readings.py ops/health/readings.py ops/read_only/readings.py
        ops/observability/metrics/__init__.py ops/observability/metrics/cache.py
        ops/observability/metrics/database.py ops/observability/metrics/exposition.py
        ops/observability/metrics/instruments.py ops/observability/metrics/middleware.py
        ops/observability/metrics/processes.py config/settings/components/metrics.py docs/runbooks/alerts.md
        monitoring/alerts.yml monitoring/alerts_test.yml monitoring/prometheus.yml
        monitoring/dashboard.json monitoring/dashboard.svg
        tests/integration/metrics/__init__.py tests/integration/metrics/test_metrics.py
    """,
    "metrics and celery": """
        ops/observability/metrics/task_results.py ops/observability/metrics/tasks.py
        monitoring/dashboard-tasks.json monitoring/dashboard-tasks.svg tests/integration/metrics/test_tasks.py
    """,
    "metrics and server": "deploy/nginx/metrics.conf",
    "s3": "config/settings/components/s3.py tests/integration/test_s3.py",
    "sentry": """
        ops/observability/preflight.py ops/observability/sentry.py ops/observability/management/__init__.py
        ops/observability/management/commands/__init__.py ops/observability/management/commands/sentry_test.py
        config/settings/components/sentry.py tests/integration/test_sentry.py tests/sentry_server.py
    """,
    "mfa": """
apps/core/second_factor.py
        apps/mfa/__init__.py apps/mfa/admin.py apps/mfa/admin_site.py apps/mfa/apps.py apps/mfa/devices.py
        apps/mfa/forms.py apps/mfa/recent.py apps/mfa/urls.py apps/mfa/views.py
        apps/mfa/management/__init__.py apps/mfa/management/commands/__init__.py
        apps/mfa/management/commands/remove_second_factor.py
        config/settings/components/mfa.py docs/runbooks/lost-second-factor.md
        templates/mfa/codes.html templates/mfa/second_factor.html templates/mfa/setup.html
        tests/integration/test_second_factor.py
    """,
    "github": """
        .github/CODEOWNERS .github/dependabot.yml .github/pull_request_template.md .github/ISSUE_TEMPLATE/bug.yml
        .github/ISSUE_TEMPLATE/config.yml .github/ISSUE_TEMPLATE/feature.yml .github/workflows/ci.yml
    """,
    "gitlab": """
        .gitlab-ci.yml renovate.json .gitlab/CODEOWNERS .gitlab/issue_templates/Bug.md
        .gitlab/issue_templates/Feature.md .gitlab/merge_request_templates/Default.md
    """,
}
WORDS = {
    "server": r"nginx|certbot|sudo|deployment\.md|\bdeploy/",
    "systemd": r"systemd|provision|journalctl|/etc/my_project/environment",
    "docker": r"docker|\bcompose|coolify|env\.production|env-production",
    "api": (
        r"apps[./]api|integration[./]api|/api/(v1|docs|schema)|rest[_ ](api|framework)|djangorestframework|the api\b|"
        r"jwt|spectacular|openapi|swagger|\bcors_|corsheaders|django-cors|schemathesis|hypothesis|django[-_]filter|"
        r"refresh[-_ ]token|auth_enforced|cookie_refresh|uritemplate|inflection"
    ),
    "celery": r"celery|kombu|amqp|billiard|\bbeat\b|brokers?\b|\bworkers?\b(?! = env\.)|\btasks?\b",
    "metrics": r"metrics|prometheus|grafana|promtool|dashboard|monitoring/",
    # Backups go to a bucket in any project.
    "s3": r"\bs3_storage|components[./]s3|\baws_s(3|torage)|test_s3|uploads/",
    "sentry": r"sentry",
    "mfa": r"mfa|second.factor|django.otp|totp|segno",
    "github": r"github|dependabot|zizmor",
    "gitlab": r"gitlab|renovate|merge.request",
}
# They know where any template may be, or where a library is documented, which says nothing of where the project is.
KNOW_HOSTS = {"tools/drift.py", "tests/unit/test_drift_command.py", "config/settings/components/api.py"}
LICENSES = {
    "proprietary": "All rights reserved",
    "MIT": "MIT License",
    "BSD-3-Clause": "BSD 3-Clause",
    "Apache-2.0": "Apache License",
}

combinations = pytest.mark.parametrize("answers", all_pairs(), ids=name_of)


def is_on(answers: Answers, piece: str) -> bool:
    """Say whether a piece was asked for."""
    asked_for = {
        "server": answers["deployment"] != "platform",
        "systemd": "systemd" in answers["deployment"],
        "docker": "docker" in answers["deployment"],
        "api": answers["use_api"],
        "celery": answers["use_celery"],
        "no celery": not answers["use_celery"],
        "metrics": answers["use_metrics"],
        "s3": answers["media_storage"] == "s3",
        "sentry": answers["use_sentry"],
        "mfa": answers["use_mfa"],
        "github": answers["ci_provider"] == "github",
        "gitlab": answers["ci_provider"] == "gitlab",
    }
    return bool(asked_for[piece])


@combinations
def test_the_files_are_exactly_those_of_the_answers(bake: Callable[..., Project], answers: Answers) -> None:
    expected = ALWAYS.split()
    for pieces, files in ADDED.items():
        expected += files.split() if all(is_on(answers, piece) for piece in pieces.split(" and ")) else []
    assert bake(**answers).files() == sorted(expected)


@combinations
def test_nothing_is_left_over(bake: Callable[..., Project], answers: Answers) -> None:
    project = bake(**answers)
    for name in project.files():
        text = project.read(name)
        if name in KNOW_HOSTS:
            text = re.sub(r"\b(github\.com|gitlab\.com|bitbucket\.org)/", "", text)
        assert "<<" not in text, name
        assert ">>" not in text, name
        if name == ".cookiecutter.json":
            continue
        for piece, words in WORDS.items():
            if not is_on(answers, piece):
                found = re.search(words, text + name, re.IGNORECASE)
                assert found is None, f"{name}: {found}"


@combinations
def test_no_blank_lines_are_left_over(bake: Callable[..., Project], answers: Answers) -> None:
    project = bake(**answers)
    for name in project.files():
        text = project.read(name)
        assert not re.search(r"[ \t]$", text, re.MULTILINE), f"{name} has blanks at the end of a line"
        assert text == text.strip("\n") + "\n" * bool(text), f"{name} does not begin and end with a line"
        most = 2 if name.endswith(".py") else 1
        assert "\n" * (most + 2) not in text, f"{name} has too many blank lines"


@combinations
def test_every_file_parses(bake: Callable[..., Project], answers: Answers, tmp_path: Path) -> None:
    project = bake(**answers)
    parsers: dict[str, Callable[[str], Any]] = {
        ".py": ast.parse,
        ".toml": tomllib.loads,
        ".json": json.loads,
        ".yaml": yaml.safe_load,
        ".yml": yaml.safe_load,
    }
    for name in project.files():
        if parse := parsers.get(Path(name).suffix):
            parse(project.read(name))
    assert "make run" in project.run("make").stdout
    py_compile.compile(str(project.path / "manage.py"), cfile=str(tmp_path / "manage.pyc"), doraise=True)


@combinations
def test_style_is_clean(bake: Callable[..., Project], answers: Answers) -> None:
    project = bake(**answers)
    project.run(tool("ruff"), "check", "--no-cache")
    project.run(tool("ruff"), "format", "--check", "--no-cache")
    project.run(tool("djlint"), "--check", "--lint", "--quiet", "templates")


@combinations
def test_scripts_are_clean_and_can_be_run(bake: Callable[..., Project], answers: Answers) -> None:
    project = bake(**answers)
    scripts = {name for name in project.files() if project.read(name).startswith("#!/bin/sh\n")}
    project.run(tool("shellcheck"), "--external-sources", *sorted(scripts))
    executable = {name for name in project.files() if os.access(project.path / name, os.X_OK)}
    read_by_others = {f"deploy/{name}.sh" for name in ("lib", "docker/lib", "certificate", "common")}
    assert executable - {"manage.py"} == scripts - read_by_others


@combinations
def test_the_license_is_the_one_that_was_chosen(bake: Callable[..., Project], answers: Answers) -> None:
    project = bake(**answers)
    for name, phrase in LICENSES.items():
        assert (phrase in project.read("LICENSE")) == (name == answers["license"])
    spdx = answers["license"] if answers["license"] != "proprietary" else "LicenseRef-Proprietary"
    assert tomllib.loads(project.read("pyproject.toml"))["project"]["license"] == spdx
    assert "Example Author" in project.read("LICENSE")


@pytest.fixture(scope="session")
def resolved(bake: Callable[..., Project]) -> None:
    """Fill uv's cache with what the resolution of everything needs, so that those of less need no network."""
    lock(bake(**ALL_ON).path)


def lock(path: Path, **environment: str) -> None:
    """Run the project's own ``make lock``."""
    environment["PATH"] = f"{Path(tool('uv')).parent}:{clean_environment()['PATH']}"
    Project(path).run("make", "lock", **environment)


@pytest.mark.parametrize("answers", each_piece(), ids=name_of)
def test_the_requirements_are_what_uv_makes_of_the_answers(
    bake: Callable[..., Project], tmp_path: Path, resolved: None, answers: Answers
) -> None:
    project = bake(**answers)
    shutil.copytree(project.path, tmp_path / "copy")
    lock(tmp_path / "copy", UV_OFFLINE="1")
    for kind in ("production", "development", "test"):
        name = f"requirements/{kind}.txt"
        assert (tmp_path / "copy" / name).read_text() == project.read(name)
        assert project.read(name).count("==") > 10
        assert "--hash=sha256:" in project.read(name)
        assert "://" not in project.read(name)


@pytest.mark.parametrize("answers", [{}, ALL_ON, ALL_OFF], ids=["defaults", "all on", "all off"])
def test_types_are_right(bake: Callable[..., Project], install: Callable[..., Path], answers: Answers) -> None:
    python = install(bake(**answers), "test")
    bake(**answers).run(python, "-m", "mypy", "--cache-dir", python.parents[1] / "mypy", ".")


@pytest.mark.parametrize(
    "text",
    [
        *(NASTY_NAME, "# no heading", "> no quotation", "- no list", "+ no list", "1. no list", "12) no list", "---"),
        *("===", "a_b_c", "__init__ & Co", "&amp;", "AT&T", "[no](link)", "<b>", "`x`", "a | b", "~~x~~", "\\*x\\*"),
    ],
)
def test_markdown_shows_any_text_as_it_is(text: str) -> None:
    shown = MarkdownIt("gfm-like", {"linkify": False}).parse(markdown(text))
    assert [token.type for token in shown] == ["paragraph_open", "inline", "paragraph_close"]
    assert "".join(token.content for token in shown[1].children or []) == text
    assert {token.type for token in shown[1].children or []} <= {"text", "text_special"}


class TestNastyName:
    """A name with everything in it that some format takes for its own is text everywhere."""

    @pytest.fixture
    def project(self, bake: Callable[..., Project]) -> Project:
        return bake(project_name=NASTY_NAME, project_slug="nasty", description=NASTY_NAME, author_name=NASTY_NAME)

    def test_the_settings_know_the_name_as_it_is(self, project: Project) -> None:
        pyproject = tomllib.loads(project.read("pyproject.toml"))
        assert pyproject["tool"]["config"]["site_name"] == NASTY_NAME
        assert pyproject["project"]["description"] == NASTY_NAME
        assert pyproject["project"]["authors"][0]["name"] == NASTY_NAME
        assert NASTY_NAME in project.read("LICENSE")
        assert NASTY_NAME in project.read(".env.example").splitlines()[0]

    def test_markdown_shows_the_name_as_it_is(self, project: Project) -> None:
        heading = MarkdownIt().parse(project.read("README.md"))[1]
        assert "".join(token.content for token in heading.children or []) == NASTY_NAME

    def test_the_files_are_clean(self, project: Project) -> None:
        project.run(tool("ruff"), "check", "--no-cache")
        project.run(tool("ruff"), "format", "--check", "--no-cache")
        assert NASTY_NAME in unescape(project.read("deploy/nginx/maintenance.html"))
        subprocess.run(["sh", "-c", "set -a; . ./.env.example"], cwd=project.path, check=True)
        assert "make run" in project.run("make", "help").stdout
