"""Whether the user of a session has given the password recently. A stolen session may be older."""

import time
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

KEY = "logged_in_at"
# Seconds.
WITHIN = 600


@receiver(user_logged_in)
def note(request: HttpRequest, user: AbstractBaseUser, **kwargs: Any) -> None:
    """Keep when it was, if it was for this session, and not for tokens, or by somebody else in the same browser."""
    if request.session.get(SESSION_KEY) == str(user.pk):
        request.session[KEY] = int(time.time())


def has_just_logged_in(request: HttpRequest) -> bool:
    """Say whether it was within the last ten minutes."""
    return time.time() - float(request.session.get(KEY, 0)) < WITHIN
