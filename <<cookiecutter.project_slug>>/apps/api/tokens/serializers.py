"""What is sent for tokens, and what comes back."""

from typing import Any

from rest_framework import serializers


class CredentialsSerializer(serializers.Serializer[Any]):
    """What somebody logs in with."""

    email = serializers.CharField(max_length=254, trim_whitespace=False)
    # No longer than what Django's own form takes: hashing costs more, the longer it is.
    password = serializers.CharField(max_length=4096, trim_whitespace=False)


class RefreshSerializer(serializers.Serializer[Any]):
    """The refresh token, where it is not in a cookie."""

    refresh = serializers.CharField(required=False, max_length=4096)


class TokensSerializer(serializers.Serializer[Any]):
    """The tokens of a login."""

    access = serializers.CharField(help_text="Goes into the header Authorization, after Bearer.")
    refresh = serializers.CharField(required=False, help_text="Only with COOKIE_REFRESH_AUTH=false; else in a cookie.")
