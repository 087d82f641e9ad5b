import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest
from pytest_django import Settings

from apps.users.models import User
from config.settings import base


@pytest.mark.django_db
class TestCreating:
    def test_a_user_has_an_address_a_password_and_no_rights(self) -> None:
        user = User.objects.create_user(" Ada@Example.COM ", "correct horse battery")
        assert user.email == "ada@example.com"
        assert user.check_password("correct horse battery")
        assert (user.is_active, user.is_staff, user.is_superuser) == (True, False, False)

    def test_a_user_without_a_password_cannot_log_in(self) -> None:
        assert not User.objects.create_user("ada@example.com").has_usable_password()

    def test_a_superuser_may_do_everything(self) -> None:
        user = User.objects.create_superuser("root@example.com", "correct horse battery")
        assert (user.is_staff, user.is_superuser) == (True, True)

    def test_an_address_is_needed(self) -> None:
        with pytest.raises(ValueError, match="needs an e-mail address"):
            User.objects.create_user("  ", "correct horse battery")

    def test_nobody_has_two_accounts_by_writing_the_address_otherwise(self, user: User) -> None:
        with pytest.raises(IntegrityError):
            User.objects.create_user("ADA@example.com")

    def test_the_database_itself_refuses_an_address_that_is_not_in_lower_case(self) -> None:
        with pytest.raises(IntegrityError):
            User.objects.bulk_create([User(email="Ada@example.com")])

    def test_a_form_puts_the_address_into_lower_case(self) -> None:
        user = User(email="Ada@Example.com", password="unused")
        user.full_clean()
        assert user.email == "ada@example.com"

    def test_a_form_refuses_an_address_that_is_none(self) -> None:
        with pytest.raises(ValidationError):
            User(email="ada", password="unused").full_clean()


def test_logging_in_takes_the_address_in_any_case(user: User) -> None:
    assert authenticate(HttpRequest(), username="ADA@Example.com", password="correct horse battery") == user


def test_logging_in_with_a_wrong_password_fails(user: User) -> None:
    assert authenticate(HttpRequest(), username="ada@example.com", password="wrong") is None


def test_a_user_is_shown_as_the_address(user: User) -> None:
    assert str(user) == "ada@example.com"


@pytest.mark.django_db
def test_a_password_is_kept_by_argon2_and_a_former_one_becomes_so_at_the_next_login(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = base.PASSWORD_HASHERS
    user = User.objects.create_user("ada@example.com")
    user.password = make_password("correct horse battery", hasher="pbkdf2_sha256")
    user.save()
    assert authenticate(HttpRequest(), username="ada@example.com", password="correct horse battery") == user
    user.refresh_from_db()
    assert user.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert authenticate(HttpRequest(), username="ada@example.com", password="correct horse battery") == user
