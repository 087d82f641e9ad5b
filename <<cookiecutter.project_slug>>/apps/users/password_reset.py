"""Sends the link that sets a new password, apart from the request that asks for it.

To look for the account and to send e-mail within the request would tell by its time whether there is one.
"""

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.forms import PasswordResetForm

from apps.users.limits import allow

# The limit of messages to one address, and its period in seconds. It keeps a mailbox from being flooded.
MESSAGE_LIMIT, MESSAGE_PERIOD = 3, 3600


def send(email: str, site: str) -> None:
    """Send a link to ``site``, an address as ``https://example.com``, if ``email`` is that of an account."""
    form = PasswordResetForm({"email": email})
    if not form.is_valid() or not allow(f"password-reset-to-{email.lower()}", MESSAGE_LIMIT, MESSAGE_PERIOD):
        return
    parts = urlsplit(site)
    form.save(
        domain_override=parts.netloc,
        use_https=parts.scheme == "https",
        subject_template_name="accounts/password_reset_subject.txt",
        email_template_name="accounts/password_reset_email.txt",
        extra_email_context={"site_name": settings.SITE_NAME, "minutes": str(settings.PASSWORD_RESET_TIMEOUT // 60)},
    )
