"""Counts and times what the site answers, and answers Prometheus."""

import time
from collections.abc import Callable
from functools import cache

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.views.defaults import page_not_found
from prometheus_client import Counter, Histogram

from ops.http import is_from_operator
from ops.observability.metrics import instruments
from ops.observability.metrics.database import watch_connections
from ops.observability.metrics.exposition import CONTENT_TYPE, exposition

PATH = "/metrics/"
# Anything can be sent as a method, and each that is counted by its name is remembered for ever.
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}


class MetricsMiddleware:
    """Stands behind RequestMiddleware alone: it counts what all others answer, and lets Prometheus in by any host.

    Whoever asks for the metrics without OPERATOR_TOKEN is told that there is no such page, and so is not led to HTTPS,
    or refused because of the host, which would tell an operator nothing of a token that is wrong.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        watch_connections()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the metrics, which are not counted themselves, or the site's answer."""
        is_asked = request.path_info == PATH
        if is_asked and request.method == "GET" and is_from_operator(request):
            return HttpResponse(exposition(), content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})
        method = request.method if request.method in METHODS else "other"
        instruments.REQUESTS_IN_PROGRESS.inc()
        try:
            start = time.perf_counter()
            response = page_not_found(request, Http404()) if is_asked else self.get_response(request)
            seconds = time.perf_counter() - start
        finally:
            instruments.REQUESTS_IN_PROGRESS.dec()
        requests, request_seconds = labeled(method, view_of(request, response), response.status_code)
        requests.inc()
        request_seconds.observe(seconds)
        return response


@cache
def labeled(method: str, view: str, status: int) -> tuple[Counter, Histogram]:
    """Return the counter and the histogram for a method, a view and a status: the library takes longer to find them."""
    return (
        instruments.REQUESTS.labels(method, view, str(status)),
        instruments.REQUEST_SECONDS.labels(method, view),
    )


def view_of(request: HttpRequest, response: HttpResponse) -> str:
    """Return the name of the view for a request, of which there are as many as the project has, or ``none``."""
    match = request.resolver_match
    if match is None and response.status_code != 404:
        # Answered before its view was looked for, as a probe is, or what is led to HTTPS.
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return "none"
    return match.view_name if match else "none"
