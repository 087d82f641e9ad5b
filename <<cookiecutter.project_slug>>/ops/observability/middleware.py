"""Assign a request ID and log the outcome of each request."""

import logging
import re
import time
import uuid
from inspect import iscoroutinefunction
from typing import Any

import django_structlog.middlewares
import structlog
from django.contrib.auth import SESSION_KEY
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django_structlog import signals
from django_structlog.middlewares.request import (
    async_streaming_content_wrapper,
    logger,
    sync_streaming_content_wrapper,
)

from ops.http import client_address
from ops.observability.logs import log

# What a proxy has made; anything else could make up lines of a log, or fill it.
WELL_FORMED = re.compile(r"[A-Za-z0-9-]{8,64}", re.ASCII)
LOGGER = logging.getLogger(django_structlog.middlewares.request.__name__)


class RequestMiddleware(django_structlog.middlewares.RequestMiddleware):
    """Stands first, to log the responses of other middleware too.

    The request ID is the X-Request-ID of the proxy, if it is well-formed, or a new one. It is in every log record of
    the request and in the response. For the line of a response the steps of django-structlog are taken directly: its
    signals, its settings and structlog's chain cost more than all of Django's own middleware.
    """

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        # Found out once, and not for each request.
        self.is_async = iscoroutinefunction(get_response)
        self.levels = {family: self._log_level_for_status_code(100 * family) for family in range(1, 10)}

    def __call__(self, request: HttpRequest) -> Any:
        """Return the response to a request."""
        if self.is_async:
            return self.__acall__(request)
        self.prepare(request)
        response = self.get_response(request)
        self.handle_response(request, response)  # type: ignore[arg-type]
        return response

    def prepare(self, request: HttpRequest) -> None:
        """Take the request ID of the proxy, or create one."""
        request_id = request.META.get("HTTP_X_REQUEST_ID", "")
        if not WELL_FORMED.fullmatch(request_id):
            request_id = request.META["HTTP_X_REQUEST_ID"] = uuid.uuid4().hex
        request.started = time.monotonic()  # type: ignore[attr-defined]
        if LOGGER.isEnabledFor(logging.DEBUG):
            super().prepare(request)
        else:
            structlog.contextvars.bind_contextvars(request_id=request_id)

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        """Add the request ID to the response, and log it unless its view has failed, which was logged then."""
        response.headers["X-Request-ID"] = request.META["HTTP_X_REQUEST_ID"]
        if hasattr(request, "_raised_exception"):
            super().handle_response(request, response)
            return
        self.bind_user_id(request)
        level = self.levels[response.status_code // 100]
        if LOGGER.isEnabledFor(level):
            line = describe(request, response.status_code)
            signals.bind_extra_request_finished_metadata.send(
                sender=self.__class__, request=request, logger=logger, response=response, log_kwargs=line
            )
            log(LOGGER, level, "request_finished", line)
        if isinstance(response, StreamingHttpResponse):
            wrap: Any = async_streaming_content_wrapper if response.is_async else sync_streaming_content_wrapper
            context = structlog.contextvars.get_contextvars()
            response.streaming_content = wrap(response.streaming_content, context)
        structlog.contextvars.clear_contextvars()

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


@receiver(signals.bind_extra_request_failed_metadata)
def describe_failure(request: HttpRequest, log_kwargs: dict[str, Any], **kwargs: Any) -> None:
    """Describe a request whose view raised an exception, in place of what django-structlog says of it."""
    log_kwargs.clear()
    log_kwargs |= describe(request, 500)


def describe(request: HttpRequest, status: int) -> dict[str, Any]:
    """Return what the line of a request says."""
    address = client_address(request)
    return {
        "method": request.method,
        "path": request.path,
        "status": status,
        "duration_ms": round((time.monotonic() - request.started) * 1000, 1),  # type: ignore[attr-defined]
        "client": str(address) if address else None,
    }
