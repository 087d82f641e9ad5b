"""The cookie with the refresh token, which no script of a page can read."""

from django.conf import settings
from django.http import HttpResponseBase

from apps.api.tokens.classes import RefreshToken

# Nothing but what gives, renews and ends tokens gets it.
PATH = "/api/v1/auth/"


def name() -> str:
    """Return the cookie's name; with its prefix, browsers take it over HTTPS alone."""
    return "__Secure-refresh_token" if settings.SESSION_COOKIE_SECURE else "refresh_token"


def put(response: HttpResponseBase, token: RefreshToken) -> None:
    """Have the browser keep the token for as long as it is valid."""
    response.set_cookie(
        name(),
        str(token),
        max_age=token.lifetime,
        path=PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def remove(response: HttpResponseBase) -> None:
    """Have the browser forget it."""
    response.delete_cookie(name(), path=PATH, samesite="Lax")
