"""What is done for the API at fixed times."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from apps.api.tasks import flush_expired_tokens
from apps.api.tokens.classes import RefreshToken
from apps.users.models import User


@pytest.mark.django_db
def test_only_expired_tokens_are_removed_and_a_second_run_does_no_more(user: User) -> None:
    for days in (-1, 1):
        token = RefreshToken.for_user(user)
        OutstandingToken.objects.filter(jti=token["jti"]).update(expires_at=timezone.now() + timedelta(days=days))
    for _ in range(2):
        flush_expired_tokens.delay()
        [left] = OutstandingToken.objects.all()
        assert left.expires_at > timezone.now()
