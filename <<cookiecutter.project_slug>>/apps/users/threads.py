"""What goes on in a thread of its own, so that the request that asks for it does not wait."""

import logging
import threading

from django.db import connection

from apps.users import password_reset

logger = logging.getLogger(__name__)


def start_password_reset(email: str, site: str) -> None:
    """Send the link that sets a new password, and return at once."""
    threading.Thread(target=_send, args=(email, site), name="password-reset").start()


def _send(email: str, site: str) -> None:
    """Send it; what goes wrong is in the log, and the thread's own connection to the database is closed."""
    try:
        password_reset.send(email, site)
    except Exception:
        logger.exception("password_reset_failed")
        password_reset.give_back(email)
    finally:
        connection.close()
