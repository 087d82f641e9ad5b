"""What pages of other origins may do."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

APP = "https://app.example.com"


def preflight(client: Client, address: str = "/api/v1/users/me/", origin: str = APP) -> Any:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return client.options(address, headers=headers)


def allowed(response: Any) -> dict[str, str]:
    """Return what an answer allows."""
    return {name: value for name, value in response.headers.items() if name.startswith("Access-Control-")}


def test_nothing_is_open_at_first(client: Client) -> None:
    assert allowed(preflight(client)) == {}
    assert allowed(client.get("/api/v1/users/me/", headers={"Origin": APP})) == {}


class TestListed:
    @pytest.fixture(autouse=True)
    def listed(self, settings: Settings) -> None:
        settings.CORS_ALLOWED_ORIGINS = [APP]

    def test_one_that_is_listed_may_ask_and_send_the_cookie(self, client: Client) -> None:
        response = preflight(client)
        assert response.status_code == 200
        assert response.headers["Access-Control-Allow-Origin"] == APP
        assert response.headers["Access-Control-Allow-Credentials"] == "true"
        assert {"authorization", "content-type"} <= set(response.headers["Access-Control-Allow-Headers"].split(", "))
        assert "PATCH" in response.headers["Access-Control-Allow-Methods"]

    @pytest.mark.parametrize("address", ["/api/v1/users/me/", "/api/nowhere/"])
    def test_it_may_read_answers_and_errors(self, client: Client, address: str) -> None:
        response = client.get(address, headers={"Origin": APP})
        assert response.headers["Access-Control-Allow-Origin"] == APP
        assert "Retry-After" in response.headers["Access-Control-Expose-Headers"]
        assert "origin" in response.headers["Vary"].lower()

    @pytest.mark.parametrize("origin", ["https://example.com", f"{APP}.evil.com", "http://app.example.com", "null"])
    def test_others_may_nothing(self, client: Client, origin: str) -> None:
        assert "Access-Control-Allow-Origin" not in preflight(client, origin=origin).headers
        assert "Access-Control-Allow-Origin" not in client.get("/api/nowhere/", headers={"Origin": origin}).headers

    @pytest.mark.parametrize("address", ["/", "/admin/login/", "/ready/", "/apis/"])
    @pytest.mark.django_db
    def test_elsewhere_it_may_nothing_either(self, client: Client, address: str) -> None:
        assert allowed(client.get(address, headers={"Origin": APP})) == {}
        assert allowed(preflight(client, address)) == {}
