"""A project on a PaaS, or in an unknown place."""

from ops.contracts import Commands

RESTART = "Then restart the site: ./start_production.sh"

COMMANDS = Commands(
    manage=".venv/bin/python manage.py",
    settings="the environment",
    apply=RESTART,
    start_database="Start the database where the PaaS shows it; docs/runbooks/database-down.md says more.",
    start_redis="Start Redis where the PaaS shows it.",
    # >> if cookiecutter.use_celery
    start_worker="Start the worker, which is a process of its own: celery -A config worker",
    # >> endif
    start_site="Let the PaaS start the site: ./start_production.sh",
    certificate="Let the PaaS get one for {domain}, and for the other names of ALLOWED_HOSTS.",
    renew="Let the PaaS renew it.",
    proxy="Let the PaaS's proxy set Host, X-Forwarded-For and X-Forwarded-Proto itself, and FORWARDED_ALLOW_IPS in "
    f"the environment be its address. {RESTART}",
    clock="Tell the PaaS; where the machine is yours, let it ask a time server (NTP).",
    room="Remove what is not needed, or get a larger disk; docs/runbooks/disk-full.md says what can go.",
    has_own_proxy=False,
)
