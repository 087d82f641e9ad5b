"""Where a platform runs the project, or where nothing is known of the place."""

from ops.contracts import Commands

RESTART = "Then restart the site: ./start_production.sh"

COMMANDS = Commands(
    manage=".venv/bin/python manage.py",
    settings="the environment",
    apply=RESTART,
    start_database="Start the database where the platform shows it; docs/runbooks/database-down.md says more.",
    start_redis="Start Redis where the platform shows it.",
    # >> if cookiecutter.use_celery
    start_worker="Start the worker, which is a process of its own: celery -A config worker",
    # >> endif
    start_site="Let the platform start the site: ./start_production.sh",
    certificate="Let the platform get one for {domain}, and for the other names of ALLOWED_HOSTS.",
    renew="Let the platform renew it.",
    proxy="Let the platform's proxy set Host, X-Forwarded-For and X-Forwarded-Proto itself, and FORWARDED_ALLOW_IPS in "
    f"the environment be its address. {RESTART}",
    clock="Tell the platform; where the machine is yours, let it ask a time server (NTP).",
    room="Remove what is not needed, or get a larger disk; docs/runbooks/disk-full.md says what can go.",
    has_own_proxy=False,
)
