"""Who may use a view. The settings name some of these, so that nothing here imports views."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView


def may_see_docs(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether a user may see the schema and the API docs."""
    return bool(settings.DEBUG or settings.OPENAPI_PUBLIC or getattr(user, "is_staff", False))


class AuthEnforced(BasePermission):
    """Lets in who is logged in, for views that say nothing else; without AUTH_ENFORCED, anybody who only reads."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Say whether the request may go on."""
        is_open = not settings.AUTH_ENFORCED and request.method in SAFE_METHODS
        return is_open or request.user.is_authenticated


class MaySeeDocs(BasePermission):
    """Lets the staff see the schema and the API docs; in development, and with OPENAPI_PUBLIC, everybody."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Say whether the request may go on."""
        return may_see_docs(request.user)


class OwnOrigin(BasePermission):
    """Keeps pages of other sites from using the cookie.

    SameSite=Lax keeps the cookie from their requests, but not from those of a sister subdomain. A browser says with
    each POST in Origin where it comes from; what comes without is none, and has no cookie of anybody else's.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Say whether the request comes from this site, or from one that is listed."""
        own = f"{request.scheme}://{request.get_host()}"
        listed = (*settings.CORS_ALLOWED_ORIGINS, *settings.CSRF_TRUSTED_ORIGINS)
        return request.headers.get("Origin", own) in (own, *listed)
