"""The pages of the second factor."""

import base64
from collections.abc import Callable

import django_otp
import segno
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.mfa import devices
from apps.mfa.forms import TokenForm
from apps.mfa.reauthentication import has_just_logged_in

View = Callable[[HttpRequest, AbstractUser], HttpResponse]


def page(view: View) -> Callable[[HttpRequest], HttpResponse]:
    """Return a page for whoever is logged in and may use the admin; others get 403."""

    @never_cache
    @sensitive_post_parameters("token")
    @login_required
    def shown(request: HttpRequest) -> HttpResponse:
        user = request.user
        if not isinstance(user, AbstractUser) or not user.is_staff:
            raise PermissionDenied
        return view(request, user)

    return shown


@page
def second_factor(request: HttpRequest, user: AbstractUser) -> HttpResponse:
    """Ask for a token, and lead on; who has no device yet is led to get one."""
    after = next_of(request)
    if user.is_verified():  # type: ignore[attr-defined]
        return redirect(after)
    if not django_otp.user_has_device(user):
        return redirect_to_login(after, resolve_url("second_factor_setup"))
    form = TokenForm(user, request.POST or None)
    if form.is_valid():
        let_in(request, form)
        return redirect(after)
    return render(request, "mfa/second_factor.html", {"form": form})


@page
def setup(request: HttpRequest, user: AbstractUser) -> HttpResponse:
    """Show a key for an app, take a token of it, and show recovery codes, which nobody is shown again.

    Who has a device already must have given its token, and everybody the password just now.
    """
    here = request.get_full_path()
    if django_otp.user_has_device(user) and not user.is_verified():  # type: ignore[attr-defined]
        return redirect_to_login(here, resolve_url("second_factor"))
    if not has_just_logged_in(request):
        messages.info(request, _("Please log in once more, to show that it is you."))
        return redirect_to_login(here)
    device = devices.begun(user) if request.method == "POST" else devices.begin(user)
    if not device:
        return redirect(here)
    form = TokenForm(user, request.POST or None, device=device)
    if form.is_valid():
        codes = devices.confirm(device)
        let_in(request, form)
        return render(request, "mfa/codes.html", {"codes": codes, "next": next_of(request)})
    context = {"form": form, "key": key_of(device), "picture": picture_of(device)}
    return render(request, "mfa/setup.html", context)


def let_in(request: HttpRequest, form: TokenForm) -> None:
    """Note in the session, under a new key, that the second factor was given."""
    request.session.cycle_key()
    django_otp.login(request, form.device)


def next_of(request: HttpRequest) -> str:
    """Return the URL of this site that the user was on the way to, or the admin's."""
    after = request.GET.get(REDIRECT_FIELD_NAME)
    is_own = url_has_allowed_host_and_scheme(after, {request.get_host()}, require_https=request.is_secure())
    return after if after and is_own else resolve_url("admin:index")


def key_of(device: TOTPDevice) -> str:
    """Return a device's key as people type it: in groups of four."""
    key = base64.b32encode(device.bin_key).decode()
    return " ".join(key[start : start + 4] for start in range(0, len(key), 4))


def picture_of(device: TOTPDevice) -> SafeString:
    """Return a QR code that an app reads the key from, to be put into a page."""
    picture = segno.make(device.config_url, error="m")
    svg = picture.svg_inline(
        dark="#000", light="#fff", border=4, omitsize=True, svgclass="qr", lineclass=None, title=_("QR code of the key")
    )
    return mark_safe(svg)  # noqa: S308
