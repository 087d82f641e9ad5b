"""The page with the API docs, and which of its static files are collected."""

from collections.abc import Iterable
from typing import Any

from django.contrib.staticfiles import finders
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


# Of the libraries, only Swagger UI is used. The rest would take longer to compress than all else together.
UNUSED = ["rest_framework", "redoc", "oauth2-redirect.*", "swagger-ui-standalone-preset.*", "*.js.map"]


class AppDirectoriesFinder(finders.AppDirectoriesFinder):
    """Leaves out what no page asks for."""

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterable[Any]:
        """Yield the files that are collected, each with its storage."""
        return super().list([*(ignore_patterns or ()), *UNUSED])
