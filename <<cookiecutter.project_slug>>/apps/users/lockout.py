"""Who is locked out after too many wrong passwords: what django-axes asks, and what is answered."""

from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.cache import add_never_cache_headers

from apps.users.models import User
from ops.http import client_key, prefers_json, problem_response

# An address with so many failures, for whatever accounts, is locked too: one password can be tried with many of them.
ADDRESS_LIMIT = 50
LONGEST = 255


class Handler(AxesDatabaseHandler):  # type: ignore[misc]
    """Locks an account from an address, as django-axes does, and besides an address that tries many accounts."""

    def is_locked(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        """Say whether either is locked. Whose own login succeeds has not undone what failed for others."""
        return bool(super().is_locked(request, credentials)) or failures_from(client_key(request)) >= ADDRESS_LIMIT


def failures_from(address: str | None) -> int:
    """Return how many logins have failed from an address that still count; none where it is not known."""
    if address is None:
        return 0
    since = timezone.now() - settings.AXES_COOLOFF_TIME
    attempts = AccessAttempt.objects.filter(ip_address=address, attempt_time__gte=since)
    return attempts.aggregate(failures=Sum("failures_since_start"))["failures"] or 0


def account(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str | None:
    """Return the e-mail address that somebody logs in with, always in the same form, by whichever name it is given."""
    given = credentials or request.POST
    email = given.get("username") or given.get(User.USERNAME_FIELD)
    return User.objects.normalize_email(str(email))[:LONGEST] if email else None


def locked_out(request: HttpRequest, response: HttpResponse | None, credentials: dict[str, Any] | None) -> HttpResponse:
    """Return 429, as JSON for a client that asks for it or sends it, else as a page."""
    return too_many(request, int(settings.AXES_COOLOFF_TIME.total_seconds()))


def too_many(request: HttpRequest, seconds: int) -> HttpResponse:
    """Return the response 429. Args: ``seconds``, after which the client may try again at the latest."""
    minutes = -(-seconds // 60)
    if prefers_json(request):
        detail = f"Too many attempts. Please try again in {minutes} minutes."
        response: HttpResponse = problem_response(request, 429, detail)
    else:
        response = HttpResponse(render_to_string("429.html", {"minutes": minutes}), status=429)
    response.headers["Retry-After"] = str(seconds)
    add_never_cache_headers(response)
    return response
