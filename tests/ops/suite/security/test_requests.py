"""Whose request it is, behind a proxy and without one."""

import os

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory
from pytest_django import Settings

from config.settings.environment import env
from ops.http import client_address

LOCAL = ["127.0.0.1", "::1"]


def address(peer: str, forwarded: str | None) -> str | None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    found = client_address(RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer))
    return str(found) if found else None


@pytest.mark.parametrize("peer", ["", "127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_the_proxy_tells_it(peer: str) -> None:
    assert address(peer, "203.0.113.7") == "203.0.113.7"
    assert address(peer, "2001:db8::7") == "2001:db8::7"


@pytest.mark.parametrize("peer", ["198.51.100.1", "2001:db8::1"])
def test_nobody_else_is_believed(peer: str) -> None:
    assert address(peer, "203.0.113.7") == peer
    assert address(peer, None) == peer


def test_what_the_visitor_has_sent_stands_before_what_the_proxy_has_added() -> None:
    assert address("", "192.0.2.1, 203.0.113.7") == "203.0.113.7"
    assert address("127.0.0.1", "127.0.0.1, 192.0.2.1,203.0.113.7") == "203.0.113.7"


def test_a_proxy_in_front_of_the_proxy_is_passed_over(settings: Settings) -> None:
    settings.FORWARDED_ALLOW_IPS = [*LOCAL, "10.0.0.0/8"]
    assert address("10.1.2.3", "192.0.2.1, 203.0.113.7, 10.9.9.9") == "203.0.113.7"


def test_where_the_proxy_may_have_any_address_it_is_the_last(settings: Settings) -> None:
    settings.FORWARDED_ALLOW_IPS = ["*"]
    assert address("10.1.2.3", "192.0.2.1, 203.0.113.7") == "203.0.113.7"


@pytest.mark.parametrize("forwarded", [None, "", "unknown", "203.0.113.7, unknown", "a" * 5000])
def test_where_nobody_tells_it_there_is_none(forwarded: str | None) -> None:
    assert address("", forwarded) is None
    assert address("127.0.0.1", forwarded) is None


def test_proxies_that_are_no_addresses_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "PROXIES", "127.0.0.1,proxy.internal")
    with pytest.raises(
        ImproperlyConfigured, match=r"^PROXIES must list addresses and networks such as 10\.0\.0\.0/8, or"
    ):
        env.networks("PROXIES", default=[])
