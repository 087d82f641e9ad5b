"""static/js/csrf.js, in a real browser against a real server."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import path
from playwright.sync_api import Page
from pytest_django import Settings

from config.urls import urlpatterns as project_urls


def form(request: HttpRequest) -> HttpResponse:
    """Answer as a page with a form does: with the token in its cookie. A POST is accepted when the token came along."""
    get_token(request)
    return HttpResponse("<title>form</title>accepted" if request.method == "POST" else "<title>form</title>")


urlpatterns = [*project_urls, path("form/", form)]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db(transaction=True)]

POST = """async (withToken) => {
    const { csrfHeaders } = await import("/static/js/csrf.js");
    const answer = await fetch("/form/", { method: "POST", headers: withToken ? csrfHeaders() : {} });
    return answer.status;
}"""
COOKIE = """async ([cookie, name]) => {
    const { getCookie } = await import("/static/js/csrf.js");
    if (cookie) document.cookie = cookie;
    return getCookie(name);
}"""


def test_a_post_with_the_token_is_accepted_and_one_without_is_not(page: Page) -> None:
    page.goto("/form/")
    assert page.evaluate(POST, True) == 200
    assert page.evaluate(POST, False) == 403


def test_in_production_the_cookie_has_another_name(page: Page, settings: Settings) -> None:
    settings.CSRF_COOKIE_NAME, settings.CSRF_COOKIE_SECURE = "__Host-csrftoken", True
    page.goto("/form/")
    assert [cookie["name"] for cookie in page.context.cookies()] == ["__Host-csrftoken"]
    # What another subdomain could have set is not looked at.
    page.evaluate("document.cookie = 'csrftoken=planted'")
    assert page.evaluate(POST, True) == 200


def test_get_cookie_finds_exactly_its_cookie(page: Page) -> None:
    page.goto("/form/")
    assert page.evaluate(COOKIE, ["xcsrftoken=wrong", "nothing"]) is None
    assert page.evaluate(COOKIE, ["town=M%C3%BCnchen=1", "town"]) == "München=1"
    assert len(page.evaluate(COOKIE, ["", "csrftoken"])) == 32
