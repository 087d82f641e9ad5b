"""Logging in by the API as somebody who has a second factor, or has to have one."""

import time

import pytest
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from apps.users.models import User
from tests.integration.api.test_tokens import ask_for_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def device(user: User) -> TOTPDevice:
    """The user's app."""
    return TOTPDevice.objects.create(user=user, name="app")


def code_of(device: TOTPDevice) -> str:
    """Return what the app shows."""
    return f"{totp(device.bin_key):06}"


def test_a_password_alone_is_not_enough(client: Client, device: TOTPDevice) -> None:
    for headers in ({}, {"X-OTP": ""}, {"X-OTP": f"{(int(code_of(device)) + 1) % 1_000_000:06}"}, {"X-OTP": "a'b"}):
        response = ask_for_token(client, **headers)
        assert (response.status_code, response.cookies) == (401, {})
        assert response.json()["detail"] == "Send the one-time code in the X-OTP header."


def test_a_code_goes_along_and_counts_once(client: Client, device: TOTPDevice) -> None:
    code = code_of(device)
    assert ask_for_token(client, **{"X-OTP": f"{code[:3]} {code[3:]}"}).status_code == 200
    assert ask_for_token(client, **{"X-OTP": code}).status_code == 401


def test_a_recovery_code_does_as_well(client: Client, device: TOTPDevice) -> None:
    StaticDevice.objects.create(user=device.user).token_set.create(token="abcd2345")
    assert ask_for_token(client, **{"X-OTP": "abcd2345"}).status_code == 200
    assert ask_for_token(client, **{"X-OTP": "abcd2345"}).status_code == 401


def test_a_recovery_code_does_not_make_the_app_wait(client: Client, device: TOTPDevice) -> None:
    StaticDevice.objects.create(user=device.user).token_set.create(token="abcd2345")
    assert ask_for_token(client, **{"X-OTP": "ABCD-2345"}).status_code == 200
    assert ask_for_token(client, **{"X-OTP": code_of(device)}).status_code == 200


def test_the_password_is_asked_first(client: Client, device: TOTPDevice) -> None:
    response = ask_for_token(client, password="wrong", **{"X-OTP": code_of(device)})
    assert response.json()["detail"] == "No active account has this address and password."


def test_guesses_take_longer_and_longer(client: Client, device: TOTPDevice) -> None:
    ask_for_token(client, **{"X-OTP": "000000"})
    assert ask_for_token(client, **{"X-OTP": code_of(device)}).status_code == 401
    time.sleep(1.1)
    assert ask_for_token(client, **{"X-OTP": code_of(device)}).status_code == 200


def test_the_staff_set_one_up_first(client: Client, user: User, settings: Settings) -> None:
    settings.MFA_REQUIRED = True
    assert ask_for_token(client).status_code == 200
    User.objects.update(is_staff=True)
    response = ask_for_token(client)
    assert response.status_code == 401
    assert response.json()["detail"] == "Whoever may use the admin sets up a second factor there first."
    settings.MFA_REQUIRED = False
    assert ask_for_token(client).status_code == 200
