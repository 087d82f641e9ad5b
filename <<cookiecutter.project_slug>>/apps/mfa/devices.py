"""What somebody has for a second factor: an app that makes tokens, and recovery codes for when it is lost."""

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.http import HttpRequest
from django_otp import user_has_device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

# So many recovery codes, each for one login.
CODES = 10


def is_missing(request: HttpRequest) -> bool:
    """Say whether the second factor of who has logged in is still to be given."""
    if request.user.is_verified():  # type: ignore[union-attr]
        return False
    return bool(settings.MFA_REQUIRED or user_has_device(request.user))


def begin(user: AbstractUser) -> TOTPDevice:
    """Return a device with a fresh key, which counts once a token of it was given; one like that before is dropped."""
    TOTPDevice.objects.filter(user=user, confirmed=False).delete()
    return TOTPDevice.objects.create(user=user, name="app", confirmed=False)


def begun(user: AbstractUser) -> TOTPDevice | None:
    """Return the device that was begun with, or None."""
    return TOTPDevice.objects.filter(user=user, confirmed=False).first()


def confirm(device: TOTPDevice) -> list[str]:
    """Let a device count, in the place of whatever its owner has had before, and return fresh recovery codes."""
    codes = [StaticToken.random_token() for _ in range(CODES)]
    with transaction.atomic():
        TOTPDevice.objects.filter(user=device.user).exclude(pk=device.pk).delete()
        StaticDevice.objects.filter(user=device.user).delete()
        device.confirmed = True
        device.save(update_fields=["confirmed"])
        paper = StaticDevice.objects.create(user=device.user, name="recovery codes")
        StaticToken.objects.bulk_create(StaticToken(device=paper, token=code) for code in codes)
    return codes


def remove(user: AbstractUser) -> bool:
    """Remove all that somebody has for a second factor, and say whether there was anything."""
    devices = [*TOTPDevice.objects.filter(user=user), *StaticDevice.objects.filter(user=user)]
    for device in devices:
        device.delete()
    return bool(devices)
