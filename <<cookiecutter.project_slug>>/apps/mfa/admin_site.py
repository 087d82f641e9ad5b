"""The admin, closed to who has given a password alone. Each of its addresses asks ``has_permission`` first."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url

from apps.mfa.devices import is_missing


class AdminSite(admin.AdminSite):
    """Asks for the second factor between the password and the rest."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Say whether somebody may see anything here."""
        return super().has_permission(request) and not is_missing(request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the form, or lead who has got through it to the second factor."""
        if super().has_permission(request) and is_missing(request):
            after = request.GET.get(REDIRECT_FIELD_NAME) or resolve_url("admin:index")
            return redirect_to_login(after, resolve_url("second_factor"))
        return super().login(request, extra_context)
