"""What manage.py check can say of this without asking a server."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info
from django.utils.module_loading import import_string

from ops.preflight.checks.mail import is_in_the_open


def check_names(**kwargs: Any) -> list[CheckMessage]:
    """Return an error for each of PREFLIGHT_CHECKS that cannot be imported."""
    found: list[CheckMessage] = []
    for name, path in settings.PREFLIGHT_CHECKS.items():
        try:
            import_string(path)
        except ImportError as failure:
            found.append(
                Error(
                    f"PREFLIGHT_CHECKS names {path} for {name}, which cannot be imported: {failure}",
                    hint="Name a function that takes a Target and returns a Finding (ops/contracts.py).",
                    id="preflight.E001",
                )
            )
    return found


def check_plain_mail(**kwargs: Any) -> list[CheckMessage]:
    """Return a remark when the password of the mail server travels unencrypted.

    No more than a remark, for a release, which stops at warnings, must not begin to fail by it.
    """
    if not is_in_the_open(settings.MAILERS["default"].get("OPTIONS", {})):
        return []
    hint = "Set EMAIL_USE_TLS=true, or EMAIL_USE_SSL=true with EMAIL_PORT=465."
    return [Info("The password of the mail server is sent unencrypted.", hint=hint, id="preflight.I001")]
