"""Connections to a real PostgreSQL that are kept from one request to the next."""

from collections.abc import Iterator
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from django.db import IntegrityError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import DatabaseWrapper

from ops import postgres

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def kept() -> Iterator[BaseDatabaseWrapper]:
    """A connection of its own that is kept, as in production."""
    own = connection.copy()
    own.settings_dict["CONN_MAX_AGE"] = 600
    yield own
    own.close()


def process_id(kept: BaseDatabaseWrapper) -> int:
    """Return the process of PostgreSQL that answers, as a request would ask."""
    kept.close_if_unusable_or_obsolete()
    with kept.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def end(pid: int) -> None:
    """End a session, and return when it has ended."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        assert cursor.fetchone() == (True,)


def test_kept_connection_is_tried_once_a_second(kept: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(postgres, "time", SimpleNamespace(monotonic=lambda: clock.now))
    counts = []
    with patch.object(DatabaseWrapper, "is_usable", autospec=True, side_effect=DatabaseWrapper.is_usable) as tried:
        for clock.now in (0.0, 0.5, 0.9, 1.1, 1.2, 2.0, 2.2):
            process_id(kept)
            counts.append(tried.call_count)
    assert counts == [0, 0, 0, 1, 1, 1, 2]


def test_session_that_was_ended_is_replaced_at_once(kept: BaseDatabaseWrapper) -> None:
    first = process_id(kept)
    assert process_id(kept) == first
    end(first)
    assert process_id(kept) != first


def test_connection_is_tried_after_an_error(kept: BaseDatabaseWrapper) -> None:
    first = process_id(kept)
    with kept.cursor() as cursor:
        end(first)
        with pytest.raises(OperationalError):
            cursor.execute("SELECT 1")
    assert process_id(kept) != first


def test_connection_with_a_failed_transaction_is_not_usable(kept: BaseDatabaseWrapper) -> None:
    # An IntegrityError is no reason for Django to suspect the connection itself.
    process_id(kept)
    with kept.cursor() as cursor:
        cursor.execute("BEGIN; CREATE TEMPORARY TABLE once (id integer PRIMARY KEY)")
        with pytest.raises(IntegrityError):
            cursor.execute("INSERT INTO once VALUES (1), (1)")
        assert not kept.is_usable()
        cursor.execute("ROLLBACK")
        assert kept.is_usable()
