"""Validators for models, forms and views."""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _


def validate_uuid(value: str | UUID) -> UUID:
    """Return ``value`` as a UUID.

    Takes a UUID or its canonical text (RFC 9562: 8-4-4-4-12 hexadecimal digits, in either case), not the other
    spellings that Python accepts (braces, a ``urn:`` prefix, no hyphens). Raises ValidationError, code ``invalid``.
    """
    if isinstance(value, UUID):
        return value
    try:
        parsed = UUID(value)
    except (AttributeError, TypeError, ValueError):
        parsed = None
    if parsed is None or str(parsed) != value.lower():
        raise ValidationError(_("“%(value)s” is not a valid UUID."), code="invalid", params={"value": value})
    return parsed
