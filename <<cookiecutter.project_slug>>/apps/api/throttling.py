"""How often somebody may ask. The cache counts, for all processes together."""

import logging
from typing import TYPE_CHECKING

from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import AnonRateThrottle, ScopedRateThrottle, SimpleRateThrottle, UserRateThrottle

from ops.http import client_key

if TYPE_CHECKING:
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)


class Throttle(SimpleRateThrottle):
    """Lets everything through while the cache is down: the API then works without limits rather than not at all."""

    def get_ident(self, request: Request) -> str:
        """Return the IP address that requests are counted by, or the first address of the client's IPv6 network."""
        return str(client_key(request._request))

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Say whether this is not one request too many."""
        try:
            return super().allow_request(request, view)
        except RedisError as failure:
            logger.warning("Requests of the API are not counted, for the cache is down: %s", failure)
            return True


class AnonymousThrottle(Throttle, AnonRateThrottle):
    """Limits each address from which somebody asks who is not logged in."""


class UserThrottle(Throttle, UserRateThrottle):
    """Limits each user, wherever they are."""

    def get_cache_key(self, request: Request, view: "APIView") -> str | None:
        """Return under which name this is counted; nothing for those whom AnonymousThrottle counts."""
        return super().get_cache_key(request, view) if request.user.is_authenticated else None


class ScopedThrottle(Throttle, ScopedRateThrottle):
    """Limits each address, or user, at the views of a ``throttle_scope``."""
