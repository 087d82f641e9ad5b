"""Reports errors to Sentry: those that nobody has handled, and what is logged as one."""

from typing import Any

import sentry_sdk
import structlog
from django.core.exceptions import ImproperlyConfigured
from sentry_sdk.integrations.logging import ignore_logger
from sentry_sdk.utils import BadDsn

from ops.redaction import redact

# Nothing of the visitor, of what was sent, or of what variables held.
NOTHING: Any = {
    "user_info": False,
    "cookies": {"mode": "off"},
    "http_headers": {"request": {"mode": "off"}},
    "http_bodies": [],
    "url_query_params": {"mode": "off"},
    "database_query_data": False,
    "queues": False,
    "stack_frame_variables": False,
}
# They log what is reported already.
KNOWN = [
    "django_structlog.middlewares.request",
    # >> if cookiecutter.use_celery
    "django_structlog.celery.receivers",
    # >> endif
]


def start(dsn: str, environment: str, release: str) -> None:
    """Report errors from now on to ``dsn``; raise ImproperlyConfigured when that cannot be read."""
    try:
        sentry_sdk.init(
            dsn=dsn,
            environment=environment,
            release=release,
            data_collection=NOTHING,
            before_send=prepare,
            before_breadcrumb=without_secrets,
        )
    except BadDsn:
        raise ImproperlyConfigured("SENTRY_DSN must be a URL such as https://key@errors.example.com/1.") from None
    for name in KNOWN:
        ignore_logger(name)


def prepare(event: Any, hint: dict[str, Any]) -> Any:
    """Return an event as it may be reported: without secrets, and with the numbers by which it is found in the logs."""
    if "logentry" in event:
        # They have no names that would tell a secret; the text that they are put into tells more.
        event["logentry"].pop("params", None)
    if "log_record" in hint and isinstance(hint["log_record"].msg, dict):
        # structlog hands its values on as they are.
        values = dict(hint["log_record"].msg)
        event["logentry"] = {"message": str(values.pop("event", ""))}
        event["extra"] = values
    known = structlog.contextvars.get_contextvars()
    event["tags"] = event.get("tags", {}) | {name: known[name] for name in known if name != "user_id"}
    return without_secrets(event)


def without_secrets(content: Any, hint: dict[str, Any] | None = None) -> Any:
    """Return an event, or what happened before it, without secrets; what is no text or number stays as it is."""
    return {name: value if name in ("timestamp", "sdk") else redact(value, name) for name, value in content.items()}
