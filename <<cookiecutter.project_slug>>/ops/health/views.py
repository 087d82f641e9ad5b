"""Liveness and readiness.

Liveness says that the process answers, and touches nothing else: whoever restarts processes asks it. Readiness says
that what a request needs is there: whoever sends requests asks it.
"""

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ops.health.readiness import run_checks
from ops.http import is_from_operator


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as the process lives."""
    return JsonResponse({"status": "healthy", "service": settings.SERVICE_NAME, "version": settings.SITE_VERSION})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when every check passes, else 503, with the outcome of each; within two seconds in any case.

    Operators, who send OPERATOR_TOKEN, are told of what else they see to, such as the backups, and what the application
    sees of their own request.
    """
    is_operator = is_from_operator(request)
    checks, details = run_checks(with_details=is_operator)
    is_ready = all(checks.values())
    answer = {"status": "ready" if is_ready else "unavailable", "checks": checks, "service": settings.SERVICE_NAME}
    if is_operator:
        answer["details"] = details | {"request": seen(request)}
    return JsonResponse(answer, status=200 if is_ready else 503)


def seen(request: HttpRequest) -> dict[str, str | None]:
    """Return what the application sees of a request, as the proxy in front has passed it on."""
    return {
        "scheme": request.scheme,
        "host": request.headers.get("Host"),
        "forwarded_for": request.headers.get("X-Forwarded-For"),
        "request_id": request.headers.get("X-Request-ID"),
    }
