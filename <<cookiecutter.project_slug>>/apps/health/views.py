"""Liveness and readiness.

Liveness says that the process answers, and touches nothing else: whoever restarts processes asks it. Readiness says
that what a request needs is there: whoever sends requests asks it.
"""

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.core.operators import is_from_operator
from apps.health.readiness import run_checks


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as the process lives."""
    return JsonResponse({"status": "healthy", "service": settings.SERVICE_NAME, "version": settings.SITE_VERSION})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when every check passes, else 503, with the outcome of each; within two seconds in any case.

    Operators, who send OPERATOR_TOKEN, are told of what else they see to, such as the backups.
    """
    checks, details = run_checks()
    is_ready = all(checks.values())
    answer = {"status": "ready" if is_ready else "unavailable", "checks": checks, "service": settings.SERVICE_NAME}
    if is_from_operator(request):
        answer["details"] = details
    return JsonResponse(answer, status=200 if is_ready else 503)
