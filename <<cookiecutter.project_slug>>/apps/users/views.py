"""The pages of the accounts: Django's own, as this site has them."""

from axes.utils import reset
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import PasswordChangeForm, PasswordResetForm, SetPasswordForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.users.limits import allow
from apps.users.lockout import too_many
from apps.users.models import User
from ops.http import client_key

# So often a new password may be asked for from an address, within so many seconds.
RESET_LIMIT, RESET_PERIOD = 20, 3600


class LoginView(auth.LoginView):
    """Logs in with e-mail address and password, and leads on to ``next``, which must be an address of this site."""

    template_name = "accounts/login.html"
    # Django would put the host name here.
    extra_context = {"site_name": settings.SITE_NAME}


class LogoutView(auth.LogoutView):
    """Logs out, with POST alone."""

    template_name = "accounts/logged_out.html"
    extra_context = {"site_name": settings.SITE_NAME}


@never_cache
@login_required
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """Show what somebody can do with the account."""
    return render(request, "accounts/account.html")


class PasswordChangeView(auth.PasswordChangeView):
    """Sets another password, by the former one; all other sessions of the account end."""

    template_name = "accounts/password_change.html"
    success_url = reverse_lazy("account")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """Say that it is done."""
        messages.success(self.request, _("Your password was changed."))
        return super().form_valid(form)


class PasswordResetView(auth.PasswordResetView):
    """Send a link that sets a new password. The response and its time do not depend on whether an account exists."""

    template_name = "accounts/password_reset.html"
    success_url = reverse_lazy("password_reset_sent")

    def form_valid(self, form: PasswordResetForm) -> HttpResponse:
        """Leave the rest to somebody else, and say that it is done; too often from an address, say 429 instead."""
        if not allow(f"password-reset-from-{client_key(self.request)}", RESET_LIMIT, RESET_PERIOD):
            return too_many(self.request, RESET_PERIOD)
        # Never the host that the request names: whoever asks would choose where the link leads.
        site = settings.SITE_URL or self.request.build_absolute_uri("/").rstrip("/")
        # >> if cookiecutter.use_celery
        from apps.users.tasks import send_password_reset

        send_password_reset.delay(form.cleaned_data["email"], site)
        # >> endif
        # >> if not cookiecutter.use_celery
        from apps.users.threads import start_password_reset

        start_password_reset(form.cleaned_data["email"], site)
        # >> endif
        return super(auth.PasswordResetView, self).form_valid(form)


@require_safe
def password_reset_sent(request: HttpRequest) -> HttpResponse:
    """Say where to look."""
    return render(request, "accounts/password_reset_sent.html")


class PasswordResetConfirmView(auth.PasswordResetConfirmView):
    """Sets a new password, for who has the link, once; all sessions of the account end."""

    template_name = "accounts/password_reset_confirm.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: SetPasswordForm[User]) -> HttpResponse:
        """Say that it is done. Who was locked out meanwhile may log in with it."""
        reset(username=form.user.email)
        messages.success(self.request, _("Your new password is set. You can log in with it."))
        return super().form_valid(form)
