"""Background tasks of the accounts."""

from celery import shared_task

from apps.users import password_reset


@shared_task
def send_password_reset(email: str, site: str) -> None:
    """Send the link that sets a new password; sent twice, either works until one is used."""
    password_reset.send(email, site)
