"""Which clients nginx takes large requests of."""

import pytest
from django.test import Client

from apps.users.models import User
from tests.ops.answers import ANSWERS


@pytest.mark.django_db
def test_a_client_with_a_session_is_logged_in(client: Client, user: User) -> None:
    assert client.get("/logged-in/").status_code == 403
    client.force_login(user)
    assert client.get("/logged-in/").status_code == 204
    user.set_password("another password")
    user.save()
    assert client.get("/logged-in/").status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["Bearer x.y.z", "Bearer", "Basic x", ""])
def test_a_client_with_a_forged_token_is_not(client: Client, token: str) -> None:
    assert client.get("/logged-in/", headers={"Authorization": token}).status_code == 403


@pytest.mark.django_db
def test_a_client_with_a_token_of_the_api_is_logged_in(client: Client, user: User) -> None:
    """Without the API, there is no such token."""
    body = {"email": user.email, "password": "correct horse battery"}
    response = client.post("/api/v1/auth/token/", body, content_type="application/json")
    assert response.status_code == (200 if ANSWERS["use_api"] else 404)
    token = response.json()["access"] if ANSWERS["use_api"] else ""
    client.cookies.clear()
    status = client.get("/logged-in/", headers={"Authorization": f"Bearer {token}"}).status_code
    assert status == (204 if ANSWERS["use_api"] else 403)
