"""What becomes of a refresh token that somebody sends."""

import logging

from django.contrib.auth import get_user_model
from django.db import transaction
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from apps.api.tokens.classes import RefreshToken

logger = logging.getLogger(__name__)


def rotate(text: str) -> RefreshToken:
    """Return the successor of the token ``text``; raise InvalidToken or AuthenticationFailed when there is none.

    A token that was used before is in two hands, of which one is a thief's: its whole family ends, for both.
    Source: https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2
    """
    token = read(text)
    with transaction.atomic():
        # One at a time for each user, or a successor could be made while its family ends.
        list(get_user_model().objects.select_for_update(no_key=True).filter(pk=token["user_id"]))
        unused = OutstandingToken.objects.filter(jti=token["jti"], blacklistedtoken=None).first()
        if unused:
            # Raises when the user is not active any more, or has another password.
            token.succeed(JWTAuthentication().get_user(token), unused)
        else:
            token.revoke_family()
    if not unused:
        logger.warning("A refresh token was used again; its family ends.", extra={"user_id": token["user_id"]})
        raise InvalidToken
    return token


def revoke(text: str) -> None:
    """End the family of the token ``text``, if it is one."""
    try:
        read(text).revoke_family()
    except InvalidToken:
        return


def read(text: str) -> RefreshToken:
    """Return the token ``text``; raise InvalidToken when it is none of this site, or has expired."""
    try:
        return RefreshToken(text)  # type: ignore[arg-type]
    except TokenError as error:
        raise InvalidToken from error
