"""What packages give each other: a finding of a preflight check, a number to be watched, a hint for operators."""

import dataclasses
from collections.abc import Callable
from enum import IntEnum
from urllib.parse import urlsplit


class Severity(IntEnum):
    """How bad it is; what can be compared: the worst decides."""

    OK = 0
    # To be known, and nothing to be done at once.
    NOTE = 1
    # The site can be opened, but not be left so.
    WARNING = 2
    ERROR = 3


@dataclasses.dataclass(frozen=True)
class Finding:
    """The result of a check, and a hint that resolves it: a setting, or a command after the last colon."""

    severity: Severity
    message: str
    hint: str = ""

    def __post_init__(self) -> None:
        """Require a hint of a warning or an error."""
        if self.severity >= Severity.WARNING and not self.hint:
            raise ValueError(f"{self.message!r} has no hint")


@dataclasses.dataclass(frozen=True)
class Target:
    """The site as its visitors reach it: ``https://`` and its name, or nothing where that is not known."""

    url: str

    @property
    def host(self) -> str:
        """Its name."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port at which it speaks HTTPS."""
        return urlsplit(self.url).port or 443

    @property
    def address(self) -> str:
        """What visitors send as Host: the name, with the port where that is another than usual."""
        return urlsplit(self.url).netloc


Check = Callable[[Target], Finding]


def ok(message: str) -> Finding:
    """Return that all is well."""
    return Finding(Severity.OK, message)


def note(message: str, hint: str = "") -> Finding:
    """Return what is to be known."""
    return Finding(Severity.NOTE, message, hint)


def warning(message: str, hint: str) -> Finding:
    """Return what is not to stay so."""
    return Finding(Severity.WARNING, message, hint)


def error(message: str, hint: str) -> Finding:
    """Return what keeps the site from being opened."""
    return Finding(Severity.ERROR, message, hint)


def reason(failure: BaseException) -> str:
    """Return the first line of what an exception says, or its kind when it says nothing."""
    lines = str(failure).strip().splitlines()
    return lines[0].strip().rstrip(".")[:300] if lines else type(failure).__name__


# >> if cookiecutter.use_metrics
@dataclasses.dataclass(frozen=True)
class Sample:
    """A value of a metric: a gauge, or a counter if the name ends in ``_total``.

    All samples of a metric have the same help and the same label names. A label must have few values.
    """

    name: str
    help: str
    value: float
    labels: dict[str, str] = dataclasses.field(default_factory=dict)


# >> endif
@dataclasses.dataclass(frozen=True)
class Commands:
    """Sentences for hints. A command stands last, after a colon."""

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
    # Whether the proxy assigns a request ID, which the response has too.
    has_own_proxy: bool = True
