"""What the tests of the API share."""

from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from apps.users.models import User

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    """Nobody has asked too often yet."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def api() -> APIClient:
    """Somebody who is not logged in."""
    return APIClient(enforce_csrf_checks=True, raise_request_exception=False)


@pytest.fixture
def log_in() -> Callable[[User], APIClient]:
    """Return a client that has logged in as a user, and sends the access token."""

    def run(user: User) -> APIClient:
        client = APIClient(enforce_csrf_checks=True, raise_request_exception=False)
        response = client.post("/api/v1/auth/token/", {"email": user.email, "password": PASSWORD})
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {response.json()['access']}")
        return client

    return run
