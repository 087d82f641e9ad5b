"""Whether the mail server takes this site's e-mail; none is sent."""

import smtplib
from collections.abc import Mapping
from typing import Any

from django.core.mail import mailers
from django.core.mail.backends.smtp import EmailBackend

from ops.contracts import Finding, Target, error, note, ok, reason, warning
from ops.deployments import commands

# Seconds, whatever the settings let a visitor wait.
TIMEOUT = 5
OWN = {"localhost", "127.0.0.1", "::1"}


def check_email(target: Target) -> Finding:
    """Find whether the server is reached, encrypts and lets in, as the settings say."""
    here = commands()
    backend = mailers["default"]
    if not isinstance(backend, EmailBackend):
        name = f"{type(backend).__module__}.{type(backend).__name__}"
        hint = f"Send one yourself: {here.manage} sendtestemail you@example.com"
        return note(f"Skipped: {name} can only send.", hint)
    place = f"{backend.host}:{backend.port}"
    names = "EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD, EMAIL_USE_TLS and EMAIL_USE_SSL"
    hint = f"See that {names} in {here.settings} are right, and that the machine may connect there. {here.apply}"
    if not backend.host:
        return error("There is no mail server: EMAIL_HOST is empty.", hint)
    backend.timeout = min(backend.timeout or TIMEOUT, TIMEOUT)
    try:
        backend.open()
        backend.close()
    except smtplib.SMTPAuthenticationError as failure:
        return error(f"{place} refuses user or password (status {failure.smtp_code}).", hint)
    except (OSError, smtplib.SMTPException) as failure:
        return error(f"{place} cannot be used: {reason(failure)}.", hint)
    way = "with STARTTLS" if backend.use_tls else "over TLS" if backend.use_ssl else "unencrypted"
    user = "and lets its user in" if backend.username and backend.password else "without a user"
    if is_in_the_open(
        {
            "host": backend.host,
            "use_tls": backend.use_tls,
            "use_ssl": backend.use_ssl,
            "username": backend.username,
            "password": backend.password,
        }
    ):
        return warning(
            f"{place} is sent the password unencrypted.",
            f"Set EMAIL_USE_TLS=true, or EMAIL_USE_SSL=true with EMAIL_PORT=465, in {here.settings}. {here.apply}",
        )
    return ok(f"{place} responds {way}, {user}.")


def is_in_the_open(options: Mapping[str, Any]) -> bool:
    """Say whether a password travels unencrypted with OPTIONS of a mailer, and beyond this machine."""
    is_encrypted = bool(options.get("use_tls") or options.get("use_ssl"))
    has_password = bool(options.get("username") and options.get("password"))
    return has_password and not is_encrypted and options.get("host") not in OWN
