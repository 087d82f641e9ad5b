"""Where the admin is."""

import importlib
import os
from collections.abc import Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import Client
from django.urls import clear_url_caches, reverse
from pytest_django import Settings

import config.urls
from config.settings.environment import env


@pytest.fixture
def urls() -> Iterator[None]:
    """Load the site's URLs anew, and at the end as they were."""
    yield
    clear_url_caches()
    importlib.reload(config.urls)


def load(settings: Settings, path: str) -> None:
    settings.ADMIN_PATH = path
    clear_url_caches()
    importlib.reload(config.urls)


@pytest.mark.django_db
def test_it_is_where_the_setting_says_and_nowhere_else(client: Client, urls: None, settings: Settings) -> None:
    load(settings, "back/office/")
    assert reverse("admin:index") == "/back/office/"
    assert client.get("/back/office/", follow=True).redirect_chain == [("/back/office/login/?next=/back/office/", 302)]
    assert client.get("/admin/").status_code == 404
    assert client.get("/admin/login/").status_code == 404
    assert 'href="/back/office/"' in client.get("/").content.decode()
    settings.ADMIN_PATH = "admin/"


@pytest.mark.parametrize(
    "path", ["/admin/", "admin", "", "/", "a b/", "ad//min/", "admin/?x/", "../x/", "ädmin/", ".x/"]
)
def test_what_is_no_path_is_refused(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setitem(os.environ, "ADMIN_PATH", path)
    with pytest.raises(ImproperlyConfigured, match=r"^ADMIN_PATH must be a path such as manage/: "):
        env.path("ADMIN_PATH", default="admin/")


@pytest.mark.parametrize(
    "path", ["accounts/", "accounts/office/", "documents/", "health/", "ready/", "static/", "media/", "csp-report/"]
)
def test_the_path_of_something_else_is_refused(urls: None, settings: Settings, path: str) -> None:
    load(settings, path)
    with pytest.raises(SystemCheckError, match=rf"ADMIN_PATH begins with {path.split('/')[0]}/, which the site has"):
        call_command("check")
    settings.ADMIN_PATH = "admin/"
