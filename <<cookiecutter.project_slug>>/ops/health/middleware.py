"""Lets a probe in by any host name or address."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from ops.health import views
from ops.health.readiness import load


class ProbeMiddleware:
    """Answers the probes' own URLs before anything reads the Host header.

    A load balancer asks by IP address, which ALLOWED_HOSTS need not and should not hold; every other address goes on
    to be checked as always.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        load()
        self.probes = {reverse("health"): views.health, reverse("ready"): views.ready}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response to the probe, or the response of the rest of the site."""
        view = self.probes.get(request.path_info, self.get_response)
        return view(request)
