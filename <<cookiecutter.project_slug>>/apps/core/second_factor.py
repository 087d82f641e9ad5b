"""How a code of a second factor is taken, wherever somebody gives it."""

from django.contrib.auth.models import AbstractUser
from django_otp import devices_for_user, verify_token
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice


def normalized(code: str) -> str:
    """Return a code as devices have it, however it was typed."""
    return "".join(code.split()).replace("-", "").lower()


def find(user: AbstractUser, token: str) -> TOTPDevice | StaticDevice | None:
    """Return the device that takes a token, or None. A token counts once; after a wrong one its device waits."""
    kind = TOTPDevice if len(token) == TOTPDevice().digits else StaticDevice
    names = [device.persistent_id for device in devices_for_user(user) if isinstance(device, kind)]
    return next((device for name in names if (device := verify_token(user, name, token))), None)
