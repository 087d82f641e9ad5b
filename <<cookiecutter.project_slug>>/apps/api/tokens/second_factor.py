"""The second factor of who logs in for tokens: a password alone does no more here than elsewhere."""

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest
from django_otp import user_has_device
from rest_framework.exceptions import AuthenticationFailed

from apps.core.second_factor import find, normalized

# A code of the app, or a recovery code.
HEADER = "X-OTP"


def check(request: HttpRequest, user: AbstractUser) -> None:
    """Raise AuthenticationFailed unless the second factor was given, or none is demanded."""
    if user_has_device(user):
        if not find(user, normalized(request.headers.get(HEADER, ""))):
            raise AuthenticationFailed(f"Send the one-time code in the {HEADER} header.")
    elif user.is_staff and settings.MFA_REQUIRED:
        raise AuthenticationFailed("Whoever may use the admin sets up a second factor there first.")
