"""What somebody enters stays text: in each field that the admin keeps, and in each filter that it takes."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from apps.users.models import User

SCRIPT = """<script>alert(1)</script>'"><img src=x onerror=alert(2)>{{ 7 }}"""
# Each ends a text, a number or a pattern in SQL, and goes on with a statement of its own.
SQL = ["%' OR 1=1; DROP TABLE users_user; --", "1) UNION SELECT password FROM users_user --"]
UNUSUAL = ["[(((", "-1", "9" * 15, "\ud7ff\U0010ffff", "None"]
MODELS = list(admin.site._registry)

pytestmark = pytest.mark.django_db


def address(model: type[Model], page: str, *args: object) -> str:
    """Return the URL of a page of the admin."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def test_a_script_in_any_field_is_shown_as_text(admin_client: Client) -> None:
    group = Group.objects.create(name=SCRIPT)
    user = User.objects.create(email='"<script>alert(1)</script>"@example.com', first_name=SCRIPT, last_name=SCRIPT)
    user.groups.add(group)
    # Saved once more, so that the history has it too.
    admin_client.post(address(Group, "change", group.pk), {"name": SCRIPT})
    for one in (group, user):
        for page, *args in (("changelist",), ("change", one.pk), ("delete", one.pk), ("history", one.pk)):
            response = admin_client.get(address(type(one), page, *args))
            assert response.status_code == 200
            assert "&lt;script&gt;alert(1)&lt;/script&gt;" in response.text, (one, page)
            assert "<script>alert" not in response.text
            assert "<img src=x" not in response.text
    index = admin_client.get(reverse("admin:index")).text
    assert "&lt;script&gt;" in index
    assert "<script>alert" not in index


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
@pytest.mark.parametrize("value", [*SQL, *UNUSUAL])
def test_whatever_a_filter_is_given_is_a_value(admin_client: Client, model: type[Model], value: str) -> None:
    users = User.objects.count()
    # What the lists have, and two for each field that nobody has asked for.
    names = ["q", "o", "p", "e", "all", "_popup", "_to_field", "pk__in"]
    names += [f"{field.name}__{lookup}" for field in model._meta.get_fields() for lookup in ("exact", "startswith")]
    for name in names:
        # Passwords are hashed by MD5 here.
        response = admin_client.get(address(model, "changelist"), {name: value})
        assert response.status_code in (200, 302, 400), name
        assert "md5$" not in response.text
    assert User.objects.count() == users


@pytest.mark.parametrize("value", [*SQL, *UNUSUAL])
def test_whatever_an_address_has_for_a_key_is_a_value(admin_client: Client, value: str) -> None:
    for page in ("change", "delete", "history"):
        response = admin_client.get(address(User, page, value.replace("/", "_2F")))
        assert response.status_code in (302, 404)
