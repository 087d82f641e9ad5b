"""Sessions while the site is read-only: as they were, and never written."""

from functools import cache
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers


class Unwritten:
    """What a store of sessions must not do."""

    def save(self, must_create: bool = False) -> None:
        """Keep what was changed for this request alone."""

    def delete(self, session_key: str | None = None) -> None:
        """Leave it where it is stored."""

    async def asave(self, must_create: bool = False) -> None:
        """Keep what was changed for this request alone."""

    async def adelete(self, session_key: str | None = None) -> None:
        """Leave it where it is stored."""


@cache
def unwritten(engine: str) -> Any:
    """Return the store of ``engine`` that writes nothing, whatever a page does to its session.

    Reading may write: a key that PRODUCTION.md has changed, for one, gives every session a new key.
    """
    # The name is part of what sessions are signed with (SessionBase.key_salt).
    return type("SessionStore", (Unwritten, import_module(engine).SessionStore), {})


def open_session(request: HttpRequest) -> SessionBase:
    """Return the request's session such that it is never written."""
    session: SessionBase = unwritten(settings.SESSION_ENGINE)(request.session.session_key)
    return session


def may_be_saved(request: HttpRequest) -> bool:
    """Return whether SessionMiddleware, if the site has it, may write the session of a request that has ended."""
    session = getattr(request, "session", None)
    return session is not None and (session.modified or settings.SESSION_SAVE_EVERY_REQUEST)


def put_away(request: HttpRequest, response: HttpResponse) -> None:
    """Take the session from the request, so that SessionMiddleware neither saves it nor touches its cookie."""
    if request.session.accessed:
        patch_vary_headers(response, ("Cookie",))
    del request.session
