"""The site in a real browser: the Content Security Policy, which stops nothing that the site has, and csrf.js."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.template import engines
from django.urls import path
from playwright.sync_api import ConsoleMessage, Page
from pytest_django import Settings

from apps.core.views import document
from apps.users.models import User
from config.urls import urlpatterns as project_urls

PLANTED = """<!DOCTYPE html>
<title>planted</title>
<link rel="icon" href="/static/favicon.svg">
<style>h1 { color: rgb(1, 2, 3) }</style>
<style {% csp_nonce_attr %}>p { color: rgb(1, 2, 3) }</style>
<h1 onclick="window.ran = [...window.ran ?? [], 'handler']">heading</h1>
<p>paragraph</p>
<script>window.ran = ["script"]</script>
<script src="{{ other }}/static/js/planted.js"></script>
<iframe src="/health/"></iframe>
<iframe src="{{ other }}/health/"></iframe>
<img src="{{ other }}/static/favicon.svg" alt="">
<script {% csp_nonce_attr %}>
window.allowed = true
eval("window.ran = ['text']")
</script>
"""
ICON = f"{settings.STATIC_URL}favicon.svg"
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


def planted(request: HttpRequest) -> HttpResponse:
    """Answer with a page as somebody would have it who got text of theirs into it, and with a script that is ours."""
    other = f"http://127.0.0.1:{request.get_port()}"
    return HttpResponse(engines["django"].from_string(PLANTED).render({"other": other}, request))


def failing(request: HttpRequest, status: int) -> HttpResponse:
    """Answer with the page of an error."""
    template = {503: "read_only.html"}.get(status, f"{status}.html")
    return HttpResponse(engines["django"].get_template(template).render({}, request), status=status)


def form(request: HttpRequest) -> HttpResponse:
    """Answer as a page with a form does: with the token in its cookie. A POST is accepted when the token came along."""
    get_token(request)
    return HttpResponse("<title>form</title>accepted" if request.method == "POST" else "<title>form</title>")


# >> if cookiecutter.deployment != "platform"
def of_nginx(request: HttpRequest, name: str) -> HttpResponse:
    """Answer with a page that nginx answers with, under the policy that it sends then: one without a nonce."""
    return HttpResponse((settings.BASE_DIR / "deploy" / "nginx" / name).read_text(encoding="utf-8"))


# >> endif
urlpatterns = [
    *project_urls,
    path("form/", form),
    path("documents/<path:name>", document),
    path("planted/", planted),
    path("failing/<int:status>/", failing),
    # >> if cookiecutter.deployment != "platform"
    path("nginx/<str:name>", of_nginx),
    # >> endif
]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser has to say against the pages that it shows."""
    found: list[str] = []

    def add(message: ConsoleMessage) -> None:
        url = message.page.url if message.page else ""
        # That a page is one of an error is no complaint about it.
        is_status = message.text.startswith("Failed to load resource") and message.location["url"] == url
        if message.type in ("error", "warning") and not is_status:
            found.append(f"{url}: {message.text}")

    page.context.on("console", add)
    page.context.on("weberror", lambda error: found.append(f"{page.url}: {error.error}"))
    return found


def log_in(page: Page) -> None:
    page.goto("/admin/login/?next=/admin/")
    page.fill("[name=username]", "root@example.com")
    page.fill("[name=password]", "correct horse battery")
    page.click("[type=submit]")
    page.wait_for_url("**/admin/")


def test_the_first_page_and_those_of_errors_are_whole(page: Page, complaints: list[str]) -> None:
    addresses = [
        "/",
        *(f"/failing/{status}/" for status in (400, 403, 404, 429, 500, 503)),
        "/nowhere/",
        "/documents/README.md",
    ]
    # >> if cookiecutter.deployment != "platform"
    addresses += [f"/nginx/{path.name}" for path in sorted((settings.BASE_DIR / "deploy" / "nginx").glob("*.html"))]
    # >> endif
    # Side by side: the network of each is quiet only after half a second.
    pages = {address: page.context.new_page() for address in addresses}
    for address, shown in pages.items():
        shown.goto(address)
    for address, shown in pages.items():
        shown.wait_for_load_state("networkidle")
        width = shown.evaluate("getComputedStyle(document.querySelector('main')).maxWidth")
        assert width in ("544px", "832px"), address
    assert complaints == []


def test_the_admin_works(admin_user: User, user: User, page: Page, complaints: list[str]) -> None:
    log_in(page)
    page.goto("/admin/users/user/")
    page.fill("#searchbar", "ada")
    page.click("#changelist-search [type=submit]")
    page.click("text=ada@example.com")
    # The script of the form puts in the day, and opens the calendar.
    page.click(".field-date_joined .date-icon")
    page.locator(".calendarbox:visible td a").first.click()
    page.click("[name=_save]")
    page.wait_for_selector("text=was changed successfully")
    for address in ("add/", f"{user.pk}/password/", f"{user.pk}/history/", "add/?_popup=1"):
        page.goto(f"/admin/users/user/{address}")
    page.goto("/admin/users/user/")
    page.check(f"[name=_selected_action][value='{user.pk}']")
    page.select_option("[name=action]", "delete_selected")
    page.click("[name=index]")
    page.wait_for_selector("text=Are you sure you want to delete")
    page.goto(f"/admin/users/user/{user.pk}/delete/")
    page.click("[type=submit][value^=Yes]")
    page.wait_for_selector("text=was deleted successfully")
    page.click("#logout-form [type=submit]")
    page.wait_for_selector("text=Log in again")
    assert complaints == []


def test_the_pages_of_the_accounts_work(user: User, page: Page, complaints: list[str]) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto("/accounts/")
    # The fields are reached by the keyboard, in their order, and each has its label.
    page.get_by_label("Email").focus()
    page.keyboard.type("ada@example.com")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse battery")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=You are logged in as")
    is_wider = "document.documentElement.scrollWidth > innerWidth"
    page.click("text=Change your password")
    page.get_by_label("Old password").fill("correct horse battery")
    page.get_by_label("New password:", exact=True).fill("short")
    page.get_by_label("New password confirmation").fill("short")
    page.click("form [type=submit]")
    page.wait_for_selector(".errorlist")
    assert not page.evaluate(is_wider)
    page.goto("/accounts/")
    page.click("[type=submit]")
    page.click("text=Log in again")
    page.click("text=I have forgotten my password")
    page.get_by_label("Email").fill("nobody@example.com")
    page.click("[type=submit]")
    page.wait_for_selector("text=Look into your mailbox")
    for address in ("/accounts/login/", "/accounts/password_reset/", "/accounts/reset/MQ/x-y/"):
        page.goto(address)
        assert not page.evaluate(is_wider), address
    assert complaints == []


# >> if cookiecutter.use_mfa
def test_the_second_factor_is_set_up(admin_user: User, page: Page, complaints: list[str], settings: Settings) -> None:
    import base64

    from django_otp.oath import totp

    settings.MFA_REQUIRED = True
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto("/admin/")
    page.fill("[name=username]", "root@example.com")
    page.fill("[name=password]", "correct horse battery")
    page.click("[type=submit]")
    page.wait_for_selector("text=Set up your second factor")
    box = page.locator("svg.qr").bounding_box()
    assert box
    assert box["width"] == box["height"] > 200
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    key = base64.b32decode(page.inner_text("#key").replace(" ", ""))
    page.get_by_label("Code").fill(f"{totp(key):06}")
    page.click("[type=submit]")
    assert page.locator("#codes li").count() == 10
    page.click("text=I have kept them")
    page.wait_for_selector("text=Site administration")
    assert complaints == []


# >> endif
def test_what_somebody_has_planted_does_not_run(page: Page, complaints: list[str]) -> None:
    loaded: list[str] = []
    page.on("response", lambda response: loaded.append(response.url))
    page.goto("/planted/", wait_until="networkidle")
    page.click("h1")
    assert page.evaluate("window.ran") is None
    colour = "getComputedStyle(document.querySelector('{}')).color"
    assert page.evaluate(colour.format("h1")) == "rgb(0, 0, 0)"
    assert [url.partition(page.url.rstrip("/").removesuffix("/planted"))[2] for url in loaded] == ["/planted/", ICON]
    blocked = "\n".join(complaints)
    for directive in ("script-src", "style-src", "img-src"):
        assert directive in blocked
    # What has the nonce is the site's own.
    assert page.evaluate("window.allowed") is True
    assert page.evaluate(colour.format("p")) == "rgb(1, 2, 3)"


def test_a_violation_is_reported(page: Page, settings: Settings, logged: Callable[[], list[dict[str, Any]]]) -> None:
    settings.SECURE_CSP_REPORT_ONLY = settings.SECURE_CSP | {"report-uri": ["/csp-report/"]}
    settings.SECURE_CSP = {}
    with page.expect_response("**/csp-report/") as answer:
        page.goto("/planted/", wait_until="networkidle")
    assert answer.value.status == HTTPStatus.NO_CONTENT
    # It is reported, and nothing else.
    assert page.evaluate("window.ran") == ["text"]
    lines = [line for line in logged() if line["event"] == "csp_violation"]
    assert {"document", "directive", "blocked"} <= set(lines[0])
    assert {line["disposition"] for line in lines} == {"report"}


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
