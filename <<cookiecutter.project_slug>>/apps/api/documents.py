"""The documents of the API, as a page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.api.permissions import may_see_documents
from ops.http import problem_response


@never_cache
@require_safe
def documents(request: HttpRequest) -> HttpResponse:
    """Show what the API offers, by Swagger UI, to those who may see it; else answer 403."""
    if not may_see_documents(request.user):
        return problem_response(request, 403, f"Only the staff may see this. Log in at {reverse('admin:login')} first.")
    return render(request, "api/documents.html")
