"""Where credentials become a user."""

from django.contrib.auth import authenticate
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed


def user_of(request: HttpRequest, email: str, password: str) -> AbstractUser:
    """Return whose address and password these are; raise AuthenticationFailed, which does not tell what is wrong.

    Django spends as much time on an address that nobody has as on one that somebody has.
    """
    user = authenticate(request, username=email, password=password)
    if not isinstance(user, AbstractUser):
        raise AuthenticationFailed("No active account has this address and password.")
    # >> if cookiecutter.use_mfa
    from apps.api.tokens.second_factor import check

    check(request, user)
    # >> endif
    # As after any login: the time of the last one, and whoever counts those that fail.
    user_logged_in.send(sender=type(user), request=request, user=user)
    return user
