"""Patterns for tests of speed: they catch a page that became many times slower, not one that lost a few percent.

Leave them out with ``make test ARGS="-m 'not performance'"``.
"""

import os
import time
from collections.abc import Callable

import pytest
from django.test import Client

from apps.users.models import User

pytestmark = pytest.mark.performance

# A machine that runs tests for others is slow at times, and so is one whose other cores run tests.
PATIENCE = 5 if os.environ.get("CI") == "true" or "PYTEST_XDIST_WORKER" in os.environ else 1


def least_seconds(action: Callable[[], object], times: int = 15) -> float:
    """Return the shortest time that ``action`` takes, in seconds; its first run, which fills caches, does not count.

    A page that became slower is slower each time; a machine that is busy is so only at times.
    """
    action()
    measured = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        measured.append(time.perf_counter() - start)
    return min(measured)


def test_health_is_answered_at_once(client: Client) -> None:
    assert least_seconds(lambda: client.get("/health/")) < 0.02 * PATIENCE


def test_the_first_page_is_quick(client: Client) -> None:
    assert least_seconds(lambda: client.get("/")) < 0.05 * PATIENCE


def test_a_list_of_a_thousand_users_is_quick_and_needs_a_fixed_number_of_queries(
    admin_client: Client,
    django_assert_max_num_queries: Callable[[int], object],
) -> None:
    User.objects.bulk_create(User(email=f"user{number}@example.com") for number in range(1000))
    with django_assert_max_num_queries(10):  # type: ignore[attr-defined]
        admin_client.get("/admin/users/user/")
    assert least_seconds(lambda: admin_client.get("/admin/users/user/"), times=5) < 0.5 * PATIENCE
