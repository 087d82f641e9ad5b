"""How everything that is logged is written: a JSON object for each line, or, for a developer, a line in colour.

Each has a time, a level, the logger, what happened, and the number by which its request is found. None has a secret.
Reference: https://www.structlog.org/en/stable/standard-library.html
"""

import json
import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
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
# A number that has fewer digits than a card's is none.
SHORTEST_CARD = 10**12
# Letters of a text that is remembered as plain: most names, paths and addresses come again and again.
LONGEST_REMEMBERED = 200


@lru_cache(maxsize=1024)
def _is_plain_text(text: str) -> bool:
    return not may_hold_secret(text)


def _is_plain(value: Any) -> bool:
    """Return whether nothing in a value, or in a name, could be a secret."""
    kind = type(value)
    if kind is str:
        return _is_plain_text(value) if len(value) <= LONGEST_REMEMBERED else not may_hold_secret(value)
    return value is None or kind is float or kind is bool or (kind is int and value < SHORTEST_CARD)


def without_secrets(logger: Any, method: str, event: Event) -> Event:
    """Return what is to be written, without secrets: the last step before it is."""
    # A loop, for it is run for all that is logged, and a generator takes twice as long.
    for name, value in event.items():
        if name not in OWN and not (_is_plain(name) and _is_plain(value)):
            break
    else:
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

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Those that do something with an event that has neither a record nor an exception.
        idle = (self.remove_processors_meta, structlog.processors.format_exc_info)
        self.plain_processors = [process for process in self.processors if process not in idle]

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        if not hasattr(record, "_logger"):
            return super().format(record)
        line: Any = {**record.msg, "_record": record, "_from_structlog": True}  # type: ignore[dict-item]
        for process in self.processors:
            line = process(record._logger, record.levelname, line)
        return str(line)

    def format_plain(self, logger: Any, method: str, event: Any) -> str:
        """Return the line of an event that has no exception."""
        for process in self.plain_processors:
            event = process(logger, method, event)
        return str(event)


class Output(logging.StreamHandler[Any]):
    """Writes a line at once and whole.

    Threads wait for each other while one of them writes, and not, as they do by default, while it makes its line. They
    have to: a line of more than PIPE_BUF bytes, such as one with a traceback, may take the system several pieces.
    """

    formatter: Line

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a record unless a filter rejects it. Report a failed write to standard error."""
        kept = self.filter(record)
        # A filter may return another record in its place.
        record = kept if isinstance(kept, logging.LogRecord) else record
        if kept:
            try:
                self.write(self.format(record))
            except Exception:  # noqa: BLE001 - to log must not fail
                self.handleError(record)
        return bool(kept)

    def write(self, line: str) -> None:
        """Write a line; raise OSError when that fails."""
        with self.lock:  # type: ignore[union-attr]
            self.stream.write(line + self.terminator)
            self.stream.flush()


def log(logger: logging.Logger, level: int, event: str, values: Event) -> None:
    """Log an event and its values, in the format of ``configuration()``.

    Call it for the line of each request, where structlog's own steps take most of the time. Before the call, check
    that the logger is enabled for the level.
    """
    method = logging.getLevelName(level).lower()
    line = structlog.contextvars.merge_contextvars(logger, method, {**values, "event": event})
    line["logger"] = logger.name
    line["level"] = method
    line["timestamp"] = datetime.now(tz=UTC).isoformat().replace("+00:00", "Z")
    if output := _sole_output(logger):
        try:
            output.write(output.formatter.format_plain(logger, method, line))
        except Exception:  # noqa: BLE001 - to log must not fail
            output.handleError(_record(logger, level, line))
    else:
        logger.handle(_record(logger, level, line))


def _record(logger: logging.Logger, level: int, line: Event) -> logging.LogRecord:
    """Return the record of an event, as structlog makes it."""
    record = logging.LogRecord(logger.name, level, "", 0, line, (), None)
    record._logger, record._name = logger, line["level"]
    return record


def _sole_output(logger: logging.Logger) -> Output | None:
    """Return the handler of ``configuration()`` when nothing else takes or filters what a logger logs, else None."""
    is_filtered = logger.filters
    handlers = logger.handlers
    while logger.propagate and logger.parent:
        logger = logger.parent
        handlers = handlers + logger.handlers if handlers else logger.handlers
    if is_filtered or len(handlers) != 1 or type(handlers[0]) is not Output or handlers[0].filters:
        return None
    return handlers[0]


ENCODER = json.JSONEncoder(default=repr)


def render(logger: Any, method: str, event: Event) -> str:
    """Return an event as JSON; structlog's own renderer makes an encoder for each."""
    return ENCODER.encode(event)


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
    renderer: Any = render
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
            "console": {"()": Output, "stream": "ext://sys.stdout", "formatter": "line"},
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": SILENT,
    }
