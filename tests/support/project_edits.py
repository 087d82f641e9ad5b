"""What a test changes in a project before a release, mostly for the worse."""

import re
from pathlib import Path


def replace(path: Path, old: str, new: str) -> None:
    """Replace a text that stands in a file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def give_version(project: Path, version: str) -> None:
    """Give the project a version, which /health/ tells."""
    pyproject = project / "pyproject.toml"
    pyproject.write_text(re.sub(r'(?m)^version = ".*"', f'version = "{version}"', pyproject.read_text()))


def add_migration(project: Path, name: str, *statements: str) -> None:
    """Add a migration that runs an SQL statement, and another one to undo it if there is one."""
    (project / f"apps/users/migrations/{name}.py").write_text(
        "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
        f'    dependencies = [("users", "0001_initial")]\n    operations = [migrations.RunSQL(*{statements!r})]\n'
    )


def break_migration(project: Path) -> None:
    """Add a migration that fails."""
    add_migration(project, "0002_broken", "SELECT 1/0")


def break_check(project: Path) -> None:
    """Set what check --deploy warns of."""
    replace(
        project / "config/settings/production.py", "SESSION_COOKIE_SECURE = CSRF", "SESSION_COOKIE_SECURE = False\nCSRF"
    )


def break_readiness(project: Path) -> None:
    """Add a part that never answers."""
    (project / "apps/core/never.py").write_text('def check() -> None:\n    raise RuntimeError("not today")\n')
    replace(
        project / "config/settings/base.py",
        "READINESS_CHECKS = {",
        'READINESS_CHECKS = {\n"never": "apps.core.never.check",',
    )


def break_requirement(project: Path) -> None:
    """Ask for files of other hashes than there are."""
    requirements = project / "requirements/production.txt"
    requirements.write_text(re.sub(r"sha256:[0-9a-f]{8}", "sha256:00000000", requirements.read_text()))


def break_code(project: Path) -> None:
    """Use a name that is nowhere."""
    replace(project / "config/urls.py", '    path("", home', '    nothing_of_that_name,\n    path("", home')


def break_worker(project: Path) -> None:
    """Have the worker end at its start."""
    with (project / "config/celery.py").open("a") as celery:
        celery.write('\nif "worker" in __import__("sys").argv:\n    raise SystemExit("Error: no work today.")\n')


def break_site(project: Path) -> None:
    """Write what nginx does not understand."""
    replace(project / "deploy/nginx/server.conf", "client_max_body_size 10m;", "client_max_body_size;")


def break_page(project: Path) -> None:
    """Misspell the name of a static file on the first page, which only production notices."""
    replace(project / "templates/base.html", "css/site.css", "css/sight.css")


def add_rule(project: Path) -> None:
    """Change the style sheet, whose address holds the hash of its content."""
    style = project / "static/css/site.css"
    style.write_text(style.read_text() + "\nmark {\n    color: inherit;\n}\n")


def add_task(project: Path, code: str) -> None:
    """Add a task, which is given to another worker soon after its own was killed."""
    with (project / "apps/core/tasks.py").open("a") as tasks:
        tasks.write(code)
    settings = project / "config/settings/components/celery.py"
    # A countdown of 12 seconds and the limit of a task must together be less than the visibility timeout.
    replace(settings, "CELERY_TASK_TIME_LIMIT = 300", "CELERY_TASK_TIME_LIMIT = 12")
    replace(settings, "CELERY_TASK_SOFT_TIME_LIMIT = 240", "CELERY_TASK_SOFT_TIME_LIMIT = 10")
    replace(settings, "CELERY_TASK_TIME_LIMIT + 900", "25")


def add_page(project: Path, code: str) -> None:
    """Add a page, whose code adds itself to the URLs."""
    with (project / "config/urls.py").open("a") as urls:
        urls.write(code)
