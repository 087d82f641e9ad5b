"""The two kinds of tokens. Each refresh token is used once; those that come of one login are a family."""

from typing import Any, Self
from uuid import uuid4

from django.conf import settings
from django.utils.crypto import salted_hmac
from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenBackendExpiredToken
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.utils import datetime_from_epoch

ALGORITHM = "HS256"


def signing_key(secret: str) -> str:
    """Return the key for tokens that is made of a SECRET_KEY: what else that signs can never pass for a token."""
    return salted_hmac("apps.api.tokens", "", secret=secret, algorithm="sha256").hexdigest()


class Backend(TokenBackend):
    """Signs with SECRET_KEY, and also accepts what one of SECRET_KEY_FALLBACKS has signed, as sessions do."""

    def encode(self, payload: dict[str, Any]) -> str:
        """Return a signed token."""
        return TokenBackend(ALGORITHM, signing_key(settings.SECRET_KEY)).encode(payload)

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        """Return what a token says; raise TokenBackendError when none of the keys has signed it, or it has expired."""
        failure = TokenBackendError()
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
            try:
                return TokenBackend(ALGORITHM, signing_key(secret)).decode(token, verify)
            except TokenBackendExpiredToken:
                raise
            except TokenBackendError as error:
                failure = error
        raise failure


class AccessToken(tokens.AccessToken):
    """Says for some minutes who asks; nothing but its time, the user's password or the account ends it."""

    _token_backend = Backend(ALGORITHM)


class RefreshToken(tokens.RefreshToken):
    """Brings an access token, and its own successor. The database knows each by its number, and keeps no token."""

    _token_backend = Backend(ALGORITHM)
    access_token_class = AccessToken

    @classmethod
    def for_user(cls, user: Any) -> Self:
        """Return the first token of a new family."""
        token: Self = super(tokens.BlacklistMixin, cls).for_user(user)
        token.remember(user)
        return token

    @property
    def family(self) -> str:
        """What the numbers of all tokens begin with that come of the same login."""
        return str(self["jti"]).partition(".")[0] + "."

    def set_jti(self) -> None:
        """Take a new number, in the same family if there is one."""
        family = self.family if "jti" in self else f"{uuid4().hex}."
        self["jti"] = f"{family}{uuid4().hex}"

    def check_blacklist(self) -> None:
        """Leave that to ``rotate``, which must know a token that was used before from one that is none."""

    def remember(self, user: Any) -> None:
        """Let the database know the token."""
        OutstandingToken.objects.create(
            user=user,
            jti=self["jti"],
            created_at=datetime_from_epoch(self["iat"]),
            expires_at=datetime_from_epoch(self["exp"]),
        )

    def succeed(self, user: Any, spent: OutstandingToken) -> None:
        """Become the next of the family; the one before, ``spent``, is worth nothing any more."""
        BlacklistedToken.objects.create(token=spent)
        self.set_jti()
        self.set_exp()
        self.set_iat()
        self.remember(user)

    def revoke_family(self) -> None:
        """End all tokens of the family."""
        left = OutstandingToken.objects.filter(jti__startswith=self.family, blacklistedtoken=None)
        BlacklistedToken.objects.bulk_create([BlacklistedToken(token=token) for token in left], ignore_conflicts=True)
