"""The page with the API docs."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.api.permissions import may_see_docs
from ops.http import problem_response


@never_cache
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Return the API docs (Swagger UI), or 403 to an unauthorized user."""
    if not may_see_docs(request.user):
        return problem_response(request, 403, f"Only the staff may see this. Log in at {reverse('admin:login')} first.")
    return render(request, "api/docs.html")
