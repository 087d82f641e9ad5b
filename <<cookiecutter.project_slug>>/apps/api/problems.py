"""Errors of the API as problem details (RFC 9457), and what the schema says of them."""

from collections.abc import Iterator
from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import exception_handler as default_handler

from ops.http import MEDIA_TYPE, problem


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the problem response for an error, or None for an unexpected error, which becomes a 500."""
    response = default_handler(error, context)
    if response is None:
        return None
    if isinstance(error, ValidationError):
        detail = "Validation failed. See `errors`."
        more = {"errors": list(errors_in(error.get_full_details()))}
    else:
        detail, more = str(response.data["detail"]), {}
    response.data = problem(context["request"], response.status_code, detail, **more)
    response.content_type = MEDIA_TYPE
    return response


def errors_in(details: Any, field: str = "") -> Iterator[dict[str, str]]:
    """Yield each error in what a validation has found, with the field it is about: ``items.0.name``; or ``""``."""
    if isinstance(details, dict) and isinstance(details.get("message"), str):
        yield {"field": field, "code": details["code"], "detail": details["message"]}
    elif isinstance(details, dict):
        for name, found in details.items():
            own = "" if name == api_settings.NON_FIELD_ERRORS_KEY else str(name)
            yield from errors_in(found, ".".join(filter(None, (field, own))))
    else:
        for index, found in enumerate(details):
            is_error = isinstance(found, dict) and isinstance(found.get("message"), str)
            yield from errors_in(found, field if is_error else f"{field}.{index}".lstrip("."))


PROBLEM = {
    "type": "object",
    "description": "What went wrong, as RFC 9457 has it.",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "errors": {
            "type": "array",
            "description": "What of the request is not valid.",
            "items": {
                "type": "object",
                "properties": {
                    "field": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
                "required": ["field", "code", "detail"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "instance"],
}
REFERENCE = {"$ref": "#/components/schemas/Problem"}
ANSWER = {"description": "An error", "content": {"application/problem+json": {"schema": REFERENCE}}}


def describe_problems(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Return the schema with problem details as what every operation answers otherwise."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = ANSWER
    return result
