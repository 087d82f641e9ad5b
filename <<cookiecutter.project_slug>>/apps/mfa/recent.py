"""Whether somebody has given the password just now: a session that was stolen does not tell it."""

import time
from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

KEY = "logged_in_at"
# Seconds.
WITHIN = 600


@receiver(user_logged_in)
def note(request: HttpRequest, **kwargs: Any) -> None:
    """Keep when it was."""
    request.session[KEY] = int(time.time())


def has_just_logged_in(request: HttpRequest) -> bool:
    """Say whether it was within the last ten minutes."""
    return time.time() - float(request.session.get(KEY, 0)) < WITHIN
