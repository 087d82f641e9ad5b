"""Sends the link that sets a new password, apart from the request that asks for it.

To look for the account and to send e-mail within the request would tell by its time whether there is one.
"""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.forms import PasswordResetForm
from django.core.mail import send_mail
from django.template.loader import render_to_string

from apps.users import limits

# The limit of messages to one address, and its period in seconds. It keeps a mailbox from being flooded.
MESSAGE_LIMIT, MESSAGE_PERIOD = 3, 3600


class Form(PasswordResetForm):
    """Django's, which logs an error of the mail server and goes on; this one raises it."""

    def send_mail(self, subject_template_name: str, email_template_name: str, *args: Any, **_: Any) -> None:
        """Send the message; raise what the mail backend raises."""
        context, from_email, to_email = args[:3]
        # A subject is one line.
        subject = "".join(render_to_string(subject_template_name, context).splitlines())
        send_mail(subject, render_to_string(email_template_name, context), from_email, [to_email])


def send(email: str, site: str, is_retry: bool = False) -> None:
    """Send a link to ``site``, an address as ``https://example.com``, if ``email`` is that of an account.

    Raise what the mail backend raises. A retry does not count as another message.
    """
    form = Form({"email": email})
    if not form.is_valid() or not (is_retry or limits.allow(limit_name(email), MESSAGE_LIMIT, MESSAGE_PERIOD)):
        return
    parts = urlsplit(site)
    form.save(
        domain_override=parts.netloc,
        use_https=parts.scheme == "https",
        subject_template_name="accounts/password_reset_subject.txt",
        email_template_name="accounts/password_reset_email.txt",
        extra_email_context={"site_name": settings.SITE_NAME, "minutes": str(settings.PASSWORD_RESET_TIMEOUT // 60)},
    )


def give_back(email: str) -> None:
    """Let ``email`` ask for another message in the place of one that was not sent."""
    limits.give_back(limit_name(email))


def limit_name(email: str) -> str:
    """Return what the messages to an address are counted by."""
    return f"password-reset-to-{email.lower()}"
