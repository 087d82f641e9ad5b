"""How everything that is logged is written: a JSON object for each line, or, for a developer, a line in colour.

Each has a time, a level, the logger, what happened, and the number by which its request is found. None has a secret.
Reference: https://www.structlog.org/en/stable/standard-library.html
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from ops.redaction import may_hold_secret, redact, redact_text

Event = MutableMapping[str, Any]

# What a line has whoever writes it: structlog, or a library by way of logging.
SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# What is said elsewhere already, or better.
SILENT = {
    # Django's own handlers mail the administrators and write to standard error; the root's is enough.
    "django": {"handlers": [], "propagate": True},
    # The line of each request, which the middleware writes, has what went wrong too.
    "django.request": {"level": "CRITICAL"},
    "django.server": {"handlers": [], "level": "CRITICAL", "propagate": False},
    # Of a login that fails, and of nothing else, there is a line.
    "axes": {"level": "WARNING"},
    # >> if cookiecutter.use_celery
    "celery.app.trace": {"filters": ["duplicate_task_logs"]},
    # >> endif
}
# These are made here, and cannot hold anybody's secrets; any other name can be given by whoever logs.
OWN = {"timestamp", "level", "logger", "request_id"}
SIMPLE = frozenset({str, int, float, bool, type(None)})


def without_secrets(logger: Any, method: str, event: Event) -> Event:
    """Return what is to be written, without secrets: the last step before it is."""
    told = {name: value for name, value in event.items() if name not in OWN}
    # The common line, whose values have nothing in them, is looked through once and not value by value.
    is_simple = SIMPLE.issuperset(map(type, told.values()))
    if is_simple and not may_hold_secret("\n".join([f"{name}\n{value}" for name, value in told.items()])):
        return event
    return {
        name if name in OWN else redact_text(name): value if name in OWN else redact(value, name)
        for name, value in event.items()
    }


# >> if cookiecutter.use_celery
def without_arguments(logger: Any, method: str, event: Event) -> Event:
    """Return an event of Celery's without the task's arguments, which have no names that would tell a secret."""
    if event["logger"].startswith("celery."):
        event.pop("data", None)
    return event


# >> endif
# What it takes of records that come by way of logging.
FOREIGN = [
    *SHARED,
    structlog.stdlib.ExtraAdder(),
    # >> if cookiecutter.use_celery
    without_arguments,
    # >> endif
]


class Line(structlog.stdlib.ProcessorFormatter):
    """Writes an event of structlog as it is: the copies that its own formatter makes are for the sake of others."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        if not hasattr(record, "_logger"):
            return super().format(record)
        line: Any = {**record.msg, "_record": record, "_from_structlog": True}  # type: ignore[dict-item]
        for process in self.processors:
            line = process(record._logger, record.levelname, line)
        return str(line)


def configuration(level: str, is_for_people: bool = False) -> dict[str, Any]:
    """Return what ``logging.config.dictConfig`` takes: everything from ``level`` on goes to standard output.

    structlog is configured along, so that its loggers go the same way, and so do Python's warnings.
    """
    logging.captureWarnings(True)
    # What no line tells need not be found out for each: https://docs.python.org/3/howto/logging.html#optimization
    logging.logThreads = logging.logMultiprocessing = logging.logProcesses = False
    logging._srcfile = None
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: Any = structlog.processors.JSONRenderer()
    if is_for_people:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        # >> if cookiecutter.use_celery
        "filters": {"duplicate_task_logs": {"()": "ops.observability.task_logging.DuplicateTaskLogFilter"}},
        # >> endif
        "formatters": {
            "line": {
                "()": Line,
                "foreign_pre_chain": FOREIGN,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    without_secrets,
                    renderer,
                ],
            },
        },
        "handlers": {
            "console": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "line"},
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": SILENT,
    }
