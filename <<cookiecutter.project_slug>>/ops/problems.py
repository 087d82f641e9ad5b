"""Errors as JSON: problem details, as RFC 9457 has them."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils.encoding import escape_uri_path

MEDIA_TYPE = "application/problem+json"


def problem(request: HttpRequest, status: int, detail: str, **more: Any) -> dict[str, Any]:
    """Return what is told of an error: its status, what went wrong at which address, and ``more`` for machines."""
    return {
        # It means nothing beyond the status.
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": escape_uri_path(request.path),
        **more,
    }


def problem_response(request: HttpRequest, status: int, detail: str, **more: Any) -> JsonResponse:
    """Return the answer that tells of an error."""
    return JsonResponse(problem(request, status, detail, **more), status=status, content_type=MEDIA_TYPE)
