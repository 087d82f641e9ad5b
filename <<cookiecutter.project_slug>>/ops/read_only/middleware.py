"""Keeps requests from changing anything while the site is read-only."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.cache import add_never_cache_headers

from ops.http import prefers_json, problem_response
from ops.postgres import is_failed_connection, is_refused_write
from ops.read_only.sessions import may_be_saved, open_session, put_away
from ops.read_only_state import ReadOnly, read_only_state, recent_read_only_state

logger = logging.getLogger(__name__)

# Those that change nothing: RFC 9110, 9.2.1.
SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}
# Seconds. A release or a restore is commonly over by then; who comes too early is told the same again.
RETRY_AFTER = 60


class ReadOnlyMiddleware:
    """Answers 503 to what would change something, and lets the rest be read without writing its session.

    It stands after SessionMiddleware, whose session it takes away, and before everything that looks at a request.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response to a request that only reads, or the refusal of another."""
        is_safe = request.method in SAFE_METHODS
        if state := recent_read_only_state() if is_safe else read_only_state():
            if not is_safe and request.path_info not in settings.READ_ONLY_EXEMPT:
                return refusal(request, state)
            request.session = open_session(request)
        response = self.get_response(request)
        if hasattr(request, "was_cut_off"):
            # What reads can be asked again; it gets another connection.
            close_old_connections()
            response = self.get_response(request)
        # It may have been switched on meanwhile, and then the session cannot be saved any more.
        if state or (may_be_saved(request) and read_only_state()):
            put_away(request, response)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the same refusal for what the database refuses, also when only another machine is read-only.

        While this one is, that holds for a connection that failed too: switching it on, and a restore, end those that
        there are. What only reads is asked a second time before.
        """
        state = read_only_state()
        is_cut_off = state is not None and is_failed_connection(error)
        if is_cut_off and request.method in SAFE_METHODS:
            request.was_cut_off = True  # type: ignore[attr-defined]
        if is_cut_off or is_refused_write(error):
            logger.warning("While the site is read-only, %s %s failed.", request.method, request.path, exc_info=error)
            return refusal(request, state or ReadOnly("", since=None))
        return None


def refusal(request: HttpRequest, state: ReadOnly) -> HttpResponse:
    """Return 503, as JSON for a client that asks for it or sends it, else as a page."""
    if prefers_json(request):
        detail = "The site is read-only at the moment. Please try again later."
        response: HttpResponse = problem_response(request, 503, detail, reason=state.reason)
    else:
        response = HttpResponse(render_to_string("read_only.html", {"reason": state.reason}), status=503)
    response.headers["Retry-After"] = str(RETRY_AFTER)
    add_never_cache_headers(response)
    return response
