"""Who is an operator: whoever sends OPERATOR_TOKEN."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare


def is_from_operator(request: HttpRequest) -> bool:
    """Say whether a request has OPERATOR_TOKEN."""
    sent = request.headers.get("Authorization", "")
    expected = f"Bearer {settings.OPERATOR_TOKEN}"
    return bool(settings.OPERATOR_TOKEN) and constant_time_compare(sent, expected)
