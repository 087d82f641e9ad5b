"""Errors below /api/, which clients can all read in the same way."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from psycopg.errors import ReadOnlySqlTransaction
from pytest_django import Settings
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from apps.users.models import User
from config.urls import urlpatterns as project_urls
from ops.read_only_state import lock

PROBLEM = {"type", "title", "status", "detail", "instance"}
NOBODY = {"authentication_classes": (), "permission_classes": (), "throttle_classes": ()}


class ItemSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=5)
    tags = serializers.ListField(child=serializers.IntegerField())


class OrderSerializer(serializers.Serializer[Any]):
    items = ItemSerializer(many=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs["items"]) > 1:
            raise serializers.ValidationError("Only one, please.", code="too_many")
        return attrs


class OrderView(APIView):
    def get(self, request: Request) -> Response:
        raise RuntimeError("planted")

    def post(self, request: Request) -> Response:
        serializer = OrderSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(serializer.validated_data)

    def put(self, request: Request) -> Response:
        raise serializers.ValidationError(["One.", "Two."])

    def patch(self, request: Request) -> Response:
        raise OperationalError("cannot execute UPDATE") from ReadOnlySqlTransaction()


class OpenView(APIView):
    """A view that says nothing of who may use it."""

    def get(self, request: Request) -> Response:
        return Response("read")

    post = get


def gone(request: HttpRequest) -> HttpResponse:
    raise Http404


urlpatterns = [
    *project_urls,
    path("api/orders/", OrderView.as_view(**NOBODY)),
    path("api/open/", OpenView.as_view()),
    path("api/gone/ü/", gone),
]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


def problem_of(response: Any, status: int) -> dict[str, Any]:
    """Return what an answer says is wrong."""
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    # If it were the replaced page's length, a client would wait for the rest.
    assert response.headers.get("Content-Length", str(len(response.content))) == str(len(response.content))
    problem: dict[str, Any] = json.loads(response.content)
    assert set(problem) >= PROBLEM
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert problem["title"]
    assert problem["detail"]
    return problem


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html", ""])
def test_an_unknown_address(client: Client, accept: str) -> None:
    problem = problem_of(client.get("/api/nowhere/?token=secret", headers={"Accept": accept}), 404)
    assert problem == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this URL.",
        "instance": "/api/nowhere/",
    }


def test_an_address_is_told_as_one(client: Client) -> None:
    assert problem_of(client.get("/api/gone/ü/"), 404)["instance"] == "/api/gone/%C3%BC/"


def test_a_failure_says_nothing_of_itself(api: APIClient) -> None:
    response = api.get("/api/orders/")
    problem_of(response, 500)
    assert b"planted" not in response.content
    assert response.headers["X-Request-ID"]
    assert response.headers["X-Frame-Options"] == "DENY"


def test_an_unknown_host(client: Client) -> None:
    problem_of(client.get("/api/v1/users/", headers={"host": "unknown.example.org"}), 400)


def test_other_methods(api: APIClient) -> None:
    response = api.delete("/api/orders/")
    problem_of(response, 405)
    assert response.headers["Allow"] == "GET, POST, PUT, PATCH, HEAD, OPTIONS"


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data;boundary=x", "a/b"])
def test_what_is_no_json(client: Client, content_type: str) -> None:
    problem_of(client.post("/api/orders/", b"a=b", content_type=content_type), 415)


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"a": NaN}', b"[" * 100_000, b"9" * 5000, b""])
def test_what_is_no_json_although_it_says_so(client: Client, body: bytes) -> None:
    problem_of(client.post("/api/orders/", body, content_type="application/json"), 400)


def test_what_nobody_can_answer(api: APIClient) -> None:
    problem_of(api.get("/api/v1/users/", headers={"Accept": "text/html"}), 406)


def test_nothing_is_shown_as_a_page_to_try_out(admin_client: Client, settings: Settings) -> None:
    response = admin_client.options("/api/orders/", headers={"Accept": "*/*"})
    assert response.headers["Content-Type"] == "application/json"


class TestValidation:
    def test_each_error_names_its_field(self, api: APIClient) -> None:
        body = {"items": [{"name": "screwdriver", "tags": [1, "x"]}, {"name": "nail", "tags": []}, {}]}
        problem = problem_of(api.post("/api/orders/", body), 400)
        assert problem["detail"] == "Validation failed. See `errors`."
        assert problem["errors"] == [
            {
                "field": "items.0.name",
                "code": "max_length",
                "detail": "Ensure this field has no more than 5 characters.",
            },
            {"field": "items.0.tags.1", "code": "invalid", "detail": "A valid integer is required."},
            {"field": "items.2.name", "code": "required", "detail": "This field is required."},
            {"field": "items.2.tags", "code": "required", "detail": "This field is required."},
        ]

    def test_one_of_no_field_has_no_name(self, api: APIClient) -> None:
        body = {"items": [{"name": "nail", "tags": []}] * 2}
        assert problem_of(api.post("/api/orders/", body), 400)["errors"] == [
            {"field": "", "code": "too_many", "detail": "Only one, please."}
        ]
        assert problem_of(api.put("/api/orders/", {}), 400)["errors"] == [
            {"field": "", "code": "invalid", "detail": "One."},
            {"field": "", "code": "invalid", "detail": "Two."},
        ]


class TestReadOnly:
    @pytest.fixture(autouse=True)
    def lock_file(self, settings: Settings, tmp_path: Path) -> None:
        settings.READ_ONLY_LOCK_FILE = tmp_path / ".read-only.lock"

    @pytest.mark.parametrize("accept", ["*/*", "text/html"])
    def test_what_would_change_something_is_refused(self, client: Client, user: User, accept: str) -> None:
        lock("Moving")
        body = {"email": "ada@example.com", "password": "correct horse battery"}
        for address in ("/api/v1/auth/token/", "/api/v1/auth/refresh/", "/api/v1/auth/logout/"):
            response = client.post(address, body, headers={"Accept": accept})
            problem = problem_of(response, 503)
            assert (problem["reason"], problem["instance"]) == ("Moving", address)
            assert "read-only" in problem["detail"]
            assert int(response.headers["Retry-After"]) > 0

    def test_reading_goes_on(self, user: User, log_in: Callable[[User], APIClient]) -> None:
        member = log_in(user)
        lock("Moving")
        assert member.get("/api/v1/users/me/").status_code == 200
        problem_of(member.patch("/api/v1/users/me/", {"first_name": "Ada"}), 503)

    def test_what_the_database_refuses_is_told_likewise(self, api: APIClient) -> None:
        assert "read-only" in problem_of(api.patch("/api/orders/", {}), 503)["detail"]


class TestAuthEnforced:
    """A view that says nothing of who may use it."""

    def test_it_is_for_those_who_are_logged_in(
        self, api: APIClient, user: User, log_in: Callable[[User], APIClient]
    ) -> None:
        problem_of(api.get("/api/open/"), 401)
        assert log_in(user).get("/api/open/").status_code == 200
        assert log_in(user).post("/api/open/").status_code == 200

    def test_without_it_anybody_reads(self, api: APIClient, user: User, settings: Settings) -> None:
        settings.AUTH_ENFORCED = False
        assert api.get("/api/open/").status_code == 200
        problem_of(api.post("/api/open/"), 401)
        # What says who may use it stays as it was.
        problem_of(api.get("/api/v1/users/"), 401)
        problem_of(api.get("/api/v1/users/me/"), 401)
