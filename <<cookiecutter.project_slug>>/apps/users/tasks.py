"""Background tasks of the accounts."""

from smtplib import SMTPAuthenticationError, SMTPRecipientsRefused, SMTPResponseException
from typing import Any

from celery import Task, shared_task

from apps.users import password_reset

# Seconds until a message that could not be sent is tried again: twice as long each time, up to the latter. The attempts
# take 55 minutes together, which outlasts greylisting and the restart of a mail server.
FIRST_DELAY, LONGEST_DELAY, RETRIES = 30, 600, 9


@shared_task(bind=True)
def send_password_reset(self: Task[..., Any], email: str, site: str) -> None:
    """Send the link that sets a new password; sent twice, either works until one is used.

    The task fails when the mail server refuses the message for good, or has not taken it in the last attempt.
    """
    attempt = self.request.retries
    try:
        password_reset.send(email, site, is_retry=attempt > 0)
    except Exception as error:
        if attempt < RETRIES and not self.request.is_eager and not is_refused_for_good(error):
            delay = min(FIRST_DELAY * 2**attempt, LONGEST_DELAY)
            raise self.retry(exc=error, countdown=delay, max_retries=RETRIES) from error
        password_reset.give_back(email)
        raise


def is_refused_for_good(error: Exception) -> bool:
    """Return whether the mail server has refused the message with 5xx, so that another attempt is in vain.

    A refused login is not such a case: an operator corrects the password.
    """
    if isinstance(error, SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return (
        isinstance(error, SMTPResponseException)
        and not isinstance(error, SMTPAuthenticationError)
        and error.smtp_code >= 500
    )
