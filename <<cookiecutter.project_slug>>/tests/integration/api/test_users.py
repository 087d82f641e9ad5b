"""Users, as the API shows them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from apps.api.users.serializers import MeSerializer
from apps.users.models import User

pytestmark = pytest.mark.django_db
LogIn = Callable[[User], APIClient]
LIST = "/api/v1/users/"
ME = "/api/v1/users/me/"
# What has been put into a query to find out whether it gets through to the database.
INJECTIONS = ["'", "1' OR '1'='1", "1; DROP TABLE users_user; --", '"', "%", "\\", "\0", "1e999", "9" * 5000, "[]"]


@pytest.fixture
def staff(admin_user: User, log_in: LogIn) -> APIClient:
    """Somebody of the staff."""
    return log_in(admin_user)


@pytest.fixture
def member(user: User, log_in: LogIn) -> APIClient:
    """Somebody who may do nothing in particular."""
    return log_in(user)


class TestWhoMay:
    def test_nobody_without_a_login(self, api: APIClient, user: User) -> None:
        for address in (LIST, f"{LIST}{user.pk}/", ME):
            response = api.get(address)
            assert response.status_code == 401
            assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'
        assert api.patch(ME, {"first_name": "Ada"}).status_code == 401

    def test_only_the_staff_sees_others(self, member: APIClient, user: User) -> None:
        for address in (LIST, f"{LIST}{user.pk}/"):
            response = member.get(address)
            assert response.status_code == 403
            assert "WWW-Authenticate" not in response.headers
        assert member.get(ME).json()["email"] == "ada@example.com"

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
    def test_nobody_writes(self, staff: APIClient, user: User, method: str) -> None:
        for address in (LIST, f"{LIST}{user.pk}/"):
            response = staff.generic(method, address, "{}", content_type="application/json")
            assert response.status_code == 405
            assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
            assert response.json()["title"] == "Method Not Allowed"
        assert User.objects.count() == 2


class TestList:
    def test_it_says_who_there_is_and_no_password(self, staff: APIClient, user: User) -> None:
        answer = staff.get(LIST).json()
        assert (answer["count"], answer["next"], answer["previous"]) == (2, None, None)
        assert [found["email"] for found in answer["results"]] == ["root@example.com", "ada@example.com"]
        assert set(answer["results"][1]) == {
            *("id", "email", "first_name", "last_name", "is_active", "is_staff", "date_joined", "last_login")
        }
        assert staff.get(f"{LIST}{user.pk}/").json() == answer["results"][1]

    @pytest.mark.parametrize(
        ("size", "length"), [("", 50), ("7", 7), ("100", 100), ("101", 100), ("999999999", 100), ("0", 50), ("-1", 50)]
    )
    def test_a_page_is_never_too_long(self, staff: APIClient, size: str, length: int) -> None:
        User.objects.bulk_create(User(email=f"user{number}@example.com") for number in range(120))
        assert len(staff.get(LIST, {"page_size": size}).json()["results"]) == length

    def test_pages_have_each_user_once(self, staff: APIClient) -> None:
        User.objects.bulk_create(User(email=f"user{number}@example.com") for number in range(120))
        seen: list[int] = []
        address = f"{LIST}?page_size=50&ordering=-email"
        while address:
            page = staff.get(address).json()
            seen += [found["id"] for found in page["results"]]
            address = page["next"]
        assert len(seen) == len(set(seen)) == page["count"] == 121

    @pytest.mark.parametrize("page", ["0", "4", "-1", "x", "9" * 5000])
    def test_a_page_that_is_not_there_is_404(self, staff: APIClient, page: str) -> None:
        assert staff.get(LIST, {"page": page}).status_code == 404

    def test_it_takes_as_many_queries_for_many(
        self, staff: APIClient, django_assert_num_queries: Callable[[int], Any]
    ) -> None:
        group = Group.objects.create(name="all")
        for number in range(60):
            User.objects.create_user(f"user{number}@example.com").groups.add(group)
        # Who asks, how many there are, and a page of them.
        with django_assert_num_queries(3):
            assert len(staff.get(LIST).json()["results"]) == 50


class TestFilters:
    @pytest.mark.parametrize(
        ("query", "emails"),
        [
            ({"is_staff": "true"}, ["root"]),
            ({"is_staff": "false", "is_active": "true"}, ["ada", "bob"]),
            ({"is_active": "false"}, ["idle"]),
            ({"search": "ADA"}, ["ada"]),
            ({"search": "Lovelace"}, ["ada"]),
            ({"search": "%"}, []),
            ({"ordering": "email"}, ["ada", "bob", "idle", "root"]),
            ({"ordering": "-email"}, ["root", "idle", "bob", "ada"]),
            ({"ordering": "-id"}, ["idle", "bob", "ada", "root"]),
            ({"ordering": ","}, ["root", "ada", "bob", "idle"]),
            # Names that are no filters reach nothing.
            ({"password__startswith": "a", "is_superuser": "false"}, ["root", "ada", "bob", "idle"]),
        ],
    )
    @pytest.mark.filterwarnings("error")
    def test_they_choose(self, staff: APIClient, user: User, query: dict[str, str], emails: list[str]) -> None:
        user.last_name = "Lovelace"
        user.save()
        User.objects.create_user("bob@example.com")
        User.objects.create_user("idle@example.com", is_active=False)
        answer = staff.get(LIST, query).json()
        assert [found["email"].partition("@")[0] for found in answer["results"]] == emails

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("is_active", "perhaps"),
            ("is_staff", "1"),
            ("ordering", "password"),
            ("ordering", "email,-password"),
            ("ordering", "groups__name"),
            ("search", "\0"),
            ("search", "x" * 101),
        ],
    )
    def test_what_they_do_not_know_is_told(self, staff: APIClient, name: str, value: str) -> None:
        response = staff.get(LIST, {name: value})
        assert response.status_code == 400
        assert [error["field"] for error in response.json()["errors"]] == [name]

    @pytest.mark.parametrize("name", ["is_active", "is_staff", "search", "ordering", "page", "page_size", "format"])
    def test_nothing_gets_through_to_the_database(self, staff: APIClient, name: str) -> None:
        for text in INJECTIONS:
            assert staff.get(LIST, {name: text}).status_code in (200, 400, 404)
        assert User.objects.exists()

    @pytest.mark.parametrize("key", ["0", "9" * 30, "9" * 5000, "x", "1'", "-1", "1.5", "%00"])
    def test_one_who_is_not_there_is_404(self, staff: APIClient, key: str) -> None:
        response = staff.get(f"{LIST}{key}/")
        assert response.status_code == 404
        assert response.headers["Content-Type"] == "application/problem+json"


class TestMe:
    def test_one_changes_ones_name(self, member: APIClient, user: User) -> None:
        response = member.patch(ME, {"first_name": "Ada", "last_name": "Lovelace"})
        assert response.status_code == 200
        assert response.json() == {
            "id": user.pk,
            "email": "ada@example.com",
            "first_name": "Ada",
            "last_name": "Lovelace",
        }
        user.refresh_from_db()
        assert user.get_full_name() == "Ada Lovelace"

    def test_and_nothing_else(self, member: APIClient, user: User) -> None:
        before = User.objects.filter(pk=user.pk).values().get()
        everything: dict[str, Any] = dict.fromkeys(before, True) | {
            "id": 77,
            "email": "root@example.com",
            "password": "x",
            "groups": [1],
            "user_permissions": [1],
        }
        del everything["first_name"], everything["last_name"]
        assert member.patch(ME, everything).status_code == 200
        assert User.objects.filter(pk=user.pk).values().get() == before

    def test_a_password_that_was_changed_meanwhile_stays(self, member: APIClient, user: User) -> None:
        """Whoever saved the whole user would put back the password that there was when the request began."""
        as_read = User.objects.get(pk=user.pk)
        user.set_password("another horse battery")
        user.save()
        MeSerializer().update(as_read, {"first_name": "Ada"})
        user.refresh_from_db()
        assert (user.first_name, user.check_password("another horse battery")) == ("Ada", True)

    @pytest.mark.parametrize("value", ["x" * 151, None, {}, ["a"], "a\0b", "\ud800"])
    def test_what_is_no_name_is_refused(self, member: APIClient, value: Any) -> None:
        body = json.dumps({"first_name": value})
        response = member.generic("PATCH", ME, body, content_type="application/json")
        assert response.status_code == 400
        assert [error["field"] for error in response.json()["errors"]] == ["first_name"]

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
    def test_it_is_neither_made_nor_removed(self, member: APIClient, method: str) -> None:
        assert member.generic(method, ME, "{}", content_type="application/json").status_code == 405
