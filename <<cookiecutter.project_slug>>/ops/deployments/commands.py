"""What an operator runs or sets, as the place where the project is deployed has it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Commands:
    """Sentences for remedies. What is to be typed comes last, after a colon."""

    # What begins a command of manage.py.
    manage: str
    # Where the settings are.
    settings: str
    # Has the site take over settings that were changed; and code, static files and whatever else belongs to it.
    apply: str
    start_database: str
    start_redis: str
    # >> if cookiecutter.use_celery
    start_worker: str
    # >> endif
    start_site: str
    # Get a certificate; and renew the one that there is.
    certificate: str
    renew: str
    # What stands between visitors and the application.
    proxy: str
    clock: str
    room: str
    # Whether that gives each request a number, which the answer has too.
    has_own_proxy: bool = True
