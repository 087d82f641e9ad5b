"""What the schema says of errors, which no serializer tells."""

from typing import Any

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
