"""What a visitor sees."""

from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.test import Client
from django.urls import path

from apps.users.models import User
from config.urls import urlpatterns as project_urls


def fail(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("planted")


urlpatterns = [*project_urls, path("fail/", fail)]


@pytest.mark.django_db
def test_the_first_page_says_what_the_project_is_and_where_things_are(client: Client) -> None:
    page = client.get("/").content.decode()
    assert render_to_string("home.html", {}).split("<title>")[0] in page
    for address in ("/admin/", "/accounts/", "/health/", "/ready/"):
        assert f'href="{address}"' in page
    assert settings.SITE_VERSION in page


def test_the_first_page_needs_no_query(client: Client) -> None:
    """It answers although this test may not touch the database."""
    assert client.get("/").status_code == 200


def test_the_first_page_cannot_be_posted_to(client: Client) -> None:
    assert client.post("/").status_code == 405


def test_a_browser_finds_the_icon_from_any_page(client: Client) -> None:
    assert client.get("/favicon.ico").headers["Location"] == "/static/favicon.svg"


class TestErrors:
    def test_an_unknown_address_gets_the_page_for_404(self, client: Client) -> None:
        response = client.get("/nowhere/")
        assert response.status_code == 404
        assert "There is no such page" in response.content.decode()

    @pytest.mark.urls(__name__)
    def test_a_failure_gets_the_page_for_500(self) -> None:
        response = Client(raise_request_exception=False).get("/fail/")
        assert response.status_code == 500
        assert "Something went wrong on our side" in response.content.decode()

    def test_the_page_for_500_needs_no_context(self) -> None:
        assert "Something went wrong on our side" in render_to_string("500.html")

    def test_a_form_without_its_token_gets_the_page_for_that(self) -> None:
        response = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "a", "password": "b"})
        assert response.status_code == 403
        assert "The form could not be accepted" in response.content.decode()

    def test_an_unknown_host_gets_the_page_for_400(self, client: Client) -> None:
        response = client.get("/", headers={"host": "unknown.example.org"})
        assert response.status_code == 400
        assert "The request was not understood" in response.content.decode()

    @pytest.mark.parametrize(
        "form",
        [
            {"text": "x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)},
            {str(number): "x" for number in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)},
            {"files": [SimpleUploadedFile("x", b"x")] * (settings.DATA_UPLOAD_MAX_NUMBER_FILES + 1)},
        ],
        ids=["bytes", "fields", "files"],
    )
    def test_a_form_that_is_too_large_gets_the_page_for_400(self, client: Client, form: dict[str, Any]) -> None:
        response = client.post("/accounts/login/", form)
        assert response.status_code == 400
        assert "The request was not understood" in response.content.decode()

    def test_a_large_file_is_no_large_form(self, client: Client) -> None:
        file = SimpleUploadedFile("x", b"x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1))
        assert client.post("/accounts/login/", {"file": file}).status_code == 200

    def test_what_one_may_not_do_gets_the_page_for_403(self, client: Client, user: User) -> None:
        user.is_staff = True
        user.save()
        client.force_login(user)
        response = client.get("/admin/users/user/")
        assert response.status_code == 403
        assert "You may not see this page" in response.content.decode()


class TestAdmin:
    def test_logging_in_by_address(self, client: Client, admin_user: User) -> None:
        response = client.post("/admin/login/", {"username": "Root@Example.com", "password": "correct horse battery"})
        assert (response.status_code, response.headers["Location"]) == (302, settings.LOGIN_REDIRECT_URL)
        assert Session.objects.count() == 1

    def test_the_list_of_users_can_be_searched(self, admin_client: Client, user: User) -> None:
        page = admin_client.get("/admin/users/user/", {"q": "ada"}).content.decode()
        assert "ada@example.com" in page
        assert "1 user" in page

    def test_a_user_is_added_and_changed(self, admin_client: Client) -> None:
        form = {
            "email": "New@example.com",
            "usable_password": "true",
            "password1": "correct horse battery",
            "password2": "correct horse battery",
        }
        response = admin_client.post("/admin/users/user/add/", form)
        new = User.objects.get(email="new@example.com")
        assert response.headers["Location"] == f"/admin/users/user/{new.pk}/change/"
        assert new.check_password("correct horse battery")
        change = {
            "email": "new@example.com",
            "first_name": "New",
            "date_joined_0": "2026-01-01",
            "date_joined_1": "00:00",
        }
        assert admin_client.post(f"/admin/users/user/{new.pk}/change/", change).status_code == 302
        new.refresh_from_db()
        assert new.first_name == "New"
