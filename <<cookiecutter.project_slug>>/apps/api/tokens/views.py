"""Logging in, going on and logging out.

The access token is in the body. The refresh token is in a cookie, or with COOKIE_REFRESH_AUTH=false in the body too.
"""

from django.conf import settings
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_204_NO_CONTENT
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication

from apps.api.permissions import OwnOrigin
from apps.api.throttling import ScopedThrottle
from apps.api.tokens import cookie
from apps.api.tokens.classes import RefreshToken
from apps.api.tokens.credentials import user_of
from apps.api.tokens.rotation import revoke, rotate
from apps.api.tokens.serializers import CredentialsSerializer, RefreshSerializer, TokensSerializer


@method_decorator(never_cache, name="dispatch")
class TokensView(APIView):
    """What the three have in common: nobody need be logged in, and a page of another site may not ask."""

    authentication_classes = ()
    permission_classes = (OwnOrigin,)

    def get_authenticate_header(self, request: Request) -> str:
        """Return the header without which the framework would answer 403 in place of 401."""
        return JWTAuthentication().authenticate_header(request)

    def answer(self, refresh: RefreshToken) -> Response:
        """Return the response that hands out the tokens."""
        tokens = {"access": str(refresh.access_token)}
        if not settings.COOKIE_REFRESH_AUTH:
            return Response(tokens | {"refresh": str(refresh)})
        response = Response(tokens)
        cookie.put(response, refresh)
        return response

    def sent_token(self) -> str:
        """Return the refresh token that the request has, or nothing."""
        if settings.COOKIE_REFRESH_AUTH:
            return self.request.COOKIES.get(cookie.name(), "")
        serializer = RefreshSerializer(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return str(serializer.validated_data.get("refresh", ""))


class TokenView(TokensView):
    """Logging in."""

    throttle_classes = (ScopedThrottle,)
    throttle_scope = "tokens"

    @extend_schema(request=CredentialsSerializer, responses=TokensSerializer, auth=[])
    def post(self, request: Request) -> Response:
        """Log in with an e-mail address and a password."""
        serializer = CredentialsSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        # Whoever counts attempts to log in looks at Django's own request.
        user = user_of(request._request, **serializer.validated_data)
        return self.answer(RefreshToken.for_user(user))


class RefreshView(TokensView):
    """Going on."""

    @extend_schema(request=RefreshSerializer, responses=TokensSerializer, auth=[])
    def post(self, request: Request) -> Response:
        """Get a new access token, and a new refresh token for the one that is sent, which ends."""
        return self.answer(rotate(self.sent_token()))

    def handle_exception(self, exc: Exception) -> Response:
        """Have the browser forget a token that is worth nothing."""
        response = super().handle_exception(exc)
        if isinstance(exc, AuthenticationFailed):
            cookie.remove(response)
        return response


class LogoutView(TokensView):
    """Logging out."""

    @extend_schema(request=RefreshSerializer, responses={HTTP_204_NO_CONTENT: None}, auth=[])
    def post(self, request: Request) -> Response:
        """End the refresh token that is sent, and all that came of the same login."""
        revoke(self.sent_token())
        response = Response(status=HTTP_204_NO_CONTENT)
        cookie.remove(response)
        return response
