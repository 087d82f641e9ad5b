"""Assign a request ID and log the outcome of each request."""

import re
import time
import uuid
from typing import Any

import django_structlog.middlewares
import structlog
from django.contrib.auth import SESSION_KEY
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django_structlog import signals

from ops.http import client_address

# What a proxy has made; anything else could make up lines of a log, or fill it.
WELL_FORMED = re.compile(r"[A-Za-z0-9-]{8,64}", re.ASCII)


class RequestMiddleware(django_structlog.middlewares.RequestMiddleware):
    """Stands first, to log the responses of other middleware too.

    The request ID is the X-Request-ID of the proxy, if it is well-formed, or a new one. It is in every log record of
    the request and in the response.
    """

    def prepare(self, request: HttpRequest) -> None:
        """Take the request ID of the proxy, or create one."""
        if not WELL_FORMED.fullmatch(request.META.get("HTTP_X_REQUEST_ID", "")):
            request.META["HTTP_X_REQUEST_ID"] = uuid.uuid4().hex
        request.started = time.monotonic()  # type: ignore[attr-defined]
        super().prepare(request)

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        """Add the request ID to the response."""
        response.headers["X-Request-ID"] = request.META["HTTP_X_REQUEST_ID"]
        super().handle_response(request, response)

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Return the method and the path; the query may hold secrets."""
        return f"{request.method} {request.path}"

    @staticmethod
    def bind_user_id(request: HttpRequest) -> None:
        """Say who it is, if the session has been read: to read it for this alone would cost a query, or fail again."""
        known = getattr(getattr(request, "session", None), "_session_cache", {})
        if SESSION_KEY in known:
            structlog.contextvars.bind_contextvars(user_id=known[SESSION_KEY])


@receiver(signals.bind_extra_request_finished_metadata)
def describe_response(request: HttpRequest, response: HttpResponse, log_kwargs: dict[str, Any], **kwargs: Any) -> None:
    """Describe a request with a response."""
    describe(request, response.status_code, log_kwargs)


@receiver(signals.bind_extra_request_failed_metadata)
def describe_failure(request: HttpRequest, log_kwargs: dict[str, Any], **kwargs: Any) -> None:
    """Describe a request whose view raised an exception."""
    describe(request, 500, log_kwargs)


def describe(request: HttpRequest, status: int, line: dict[str, Any]) -> None:
    """Replace the values of django-structlog by the values of the request."""
    line.clear()
    line |= {
        "method": request.method,
        "path": request.path,
        "status": status,
        "duration_ms": round((time.monotonic() - request.started) * 1000, 1),  # type: ignore[attr-defined]
        "client": str(address) if (address := client_address(request)) else None,
    }
