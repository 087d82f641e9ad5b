"""The second factor of whoever uses the admin."""

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import URLPattern, URLResolver
from django.utils import timezone
from django_otp.oath import TOTP, totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from apps.mfa import reauthentication
from apps.users.models import User

PASSWORD = "correct horse battery"
HERE, SETUP = "/accounts/second-factor/", "/accounts/second-factor/setup/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _demanded(settings: Settings) -> None:
    settings.MFA_REQUIRED = True


@pytest.fixture(autouse=True)
def _half_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test begin with half a minute, for which a code holds, and so not end in another."""
    now, ago = time.time, time.time() % 30
    for name in ("time.time", "django_otp.oath.time"):
        monkeypatch.setattr(name, lambda: now() - ago)


@pytest.fixture
def staff(admin_user: User) -> User:
    """Somebody who may do everything in the admin."""
    return admin_user


def log_in(client: Client, after: str = "/admin/", form: str = "/admin/login/") -> Any:
    """Give the password, and go where that leads."""
    sent = {"username": "root@example.com", "password": PASSWORD}
    return client.post(f"{form}?next={after}", sent | {"next": after}, follow=True)


def token_of(key: str, steps: int = 0) -> str:
    """Return what an app shows that has a key, or will show so many times half a minute later."""
    return f"{totp(bytes.fromhex(key), t0=-30 * steps):06}"


def set_up(client: Client) -> tuple[str, list[str]]:
    """Log in for the first time, set an app up, and return its key and the recovery codes."""
    page = log_in(client)
    assert page.redirect_chain[-1][0].startswith(SETUP)
    device = TOTPDevice.objects.get()
    shown = client.post(page.redirect_chain[-1][0], {"token": token_of(device.key)})
    return device.key, re.findall(r"<code>(\w+)</code>", shown.content.decode())


def give(client: Client, token: str) -> Any:
    return client.post(f"{HERE}?next=/admin/users/user/", {"token": token})


def is_in(client: Client) -> bool:
    return client.get("/admin/users/user/").status_code == 200


def later(seconds: int = 3600) -> None:
    """Let the time be over for which a device waits after a mistake."""
    past = timezone.now() - timedelta(seconds=seconds)
    TOTPDevice.objects.update(throttling_failure_timestamp=past)


def addresses(patterns: list[Any], before: str = "/admin/") -> Iterator[str]:
    """Yield an address for each view of the admin."""
    for pattern in patterns:
        route = before + re.sub(r"<[^>]+>|\(\?P<\w+>[^)]*\)", "1", str(pattern.pattern)).strip("^$").replace("\\Z", "")
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route


class TestTheAdmin:
    def test_every_address_is_closed_to_who_has_given_the_password_alone(self, client: Client, staff: User) -> None:
        set_up(Client())
        client.force_login(staff)
        seen = [address for address in addresses(admin.site.get_urls()) if not address.startswith("/admin/log")]
        assert {"/admin/", "/admin/users/user/", "/admin/users/user/1/change/", "/admin/jsi18n/"} < set(seen)
        for address in seen:
            for response in (client.get(address), client.post(address)):
                assert response.status_code == 302, address
                assert response.headers["Location"].startswith("/admin/login/"), address

    def test_the_form_leads_who_has_got_through_it_to_the_second_factor(self, client: Client, staff: User) -> None:
        set_up(Client())
        assert log_in(client).redirect_chain[-1][0] == f"{HERE}?next=/admin/"

    def test_whoever_has_no_device_is_led_to_get_one(self, client: Client, staff: User) -> None:
        _, codes = set_up(client)
        assert (len(codes), len(set(codes))) == (10, 10)
        assert is_in(client)

    def test_a_token_opens_it_and_leads_on(self, client: Client, staff: User) -> None:
        key, _ = set_up(Client())
        log_in(client)
        before = client.session.session_key
        response = give(client, token_of(key, 1))
        assert (response.status_code, response.headers["Location"]) == (302, "/admin/users/user/")
        assert is_in(client)
        assert client.session.session_key != before

    def test_the_site_s_own_form_does_as_well(self, client: Client, staff: User) -> None:
        key, _ = set_up(Client())
        log_in(client, form="/accounts/login/")
        assert not is_in(client)
        give(client, f" {token_of(key, 1)[:3]} {token_of(key, 1)[3:]} ")
        assert is_in(client)

    @pytest.mark.parametrize("after", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
    def test_it_does_not_lead_to_another_site(self, client: Client, staff: User, after: str) -> None:
        key, _ = set_up(Client())
        log_in(client)
        response = client.post(f"{HERE}?next={after}", {"token": token_of(key, 1)})
        assert response.headers["Location"] == "/admin/"

    def test_a_session_of_somebody_else_s_device_is_worth_nothing(self, client: Client, staff: User) -> None:
        set_up(client)
        TOTPDevice.objects.update(user=User.objects.create_superuser("eve@example.com", PASSWORD))
        assert not is_in(client)

    def test_it_is_over_with_the_session(self, client: Client, staff: User) -> None:
        set_up(client)
        client.post("/accounts/logout/")
        log_in(client)
        assert not is_in(client)

    def test_keys_and_codes_are_not_shown_there(self, client: Client, staff: User) -> None:
        key, codes = set_up(client)
        page = client.get(f"/admin/users/user/{staff.pk}/delete/").content.decode()
        assert "TOTP" in page
        for secret in (key, *codes):
            assert secret not in page
        assert client.get("/admin/otp_totp/totpdevice/").status_code == 404
        assert client.get("/admin/otp_static/staticdevice/").status_code == 404


class TestTokens:
    def test_one_is_taken_once(self, client: Client, staff: User) -> None:
        key, _ = set_up(Client())
        token = token_of(key, 1)
        other = Client()
        log_in(client)
        log_in(other)
        assert give(client, token).status_code == 302
        assert "wrong or was used already" in give(other, token).content.decode()
        assert not is_in(other)

    def test_the_one_that_has_set_the_app_up_is_used_too(self, client: Client, staff: User) -> None:
        key, _ = set_up(Client())
        log_in(client)
        used = TOTP(bytes.fromhex(key))
        used.time = TOTPDevice.objects.get().last_t * used.step
        give(client, f"{used.token():06}")
        assert not is_in(client)

    def test_a_wrong_one_makes_the_next_wait_longer_each_time(self, client: Client, staff: User) -> None:
        key, _ = set_up(Client())
        log_in(client)
        for _ in range(3):
            give(client, "000000")
            later(600)
        give(client, "000000")
        # Eight seconds now; the right one is not even looked at.
        assert give(client, token_of(key, 1)).status_code == 200
        later(7)
        assert give(client, token_of(key, 1)).status_code == 200
        later(9)
        assert give(client, token_of(key, 1)).status_code == 302

    def test_a_recovery_code_lets_in_once(self, client: Client, staff: User) -> None:
        _, codes = set_up(Client())
        log_in(client)
        assert give(client, codes[0].upper()).status_code == 302
        assert is_in(client)
        assert StaticToken.objects.count() == 9
        other = Client()
        log_in(other)
        assert give(other, codes[0]).status_code == 200
        assert not is_in(other)

    @pytest.mark.parametrize("token", ["", "abc", "12345", "1234567", "' OR 1=1", "٠" * 6, "9" * 20])
    def test_what_is_none_is_refused(self, client: Client, staff: User, token: str) -> None:
        set_up(Client())
        log_in(client)
        assert give(client, token).status_code == 200
        assert not is_in(client)

    def test_none_is_in_the_log(self, client: Client, staff: User, logged: Callable[[], list[dict[str, Any]]]) -> None:
        key, codes = set_up(Client())
        log_in(client)
        give(client, token := token_of(key, 1))
        text = json.dumps(logged())
        assert not any(secret in text for secret in (f'"{token}"', f"={token}", key, *codes))


class TestSettingUp:
    def test_the_key_is_shown_as_a_picture_and_as_text(self, client: Client, staff: User) -> None:
        page = log_in(client).content.decode()
        assert 'class="qr"' in page
        assert re.search(r"<code id=\"key\">([A-Z2-7]{4} ){7}[A-Z2-7]{4}</code>", page)

    def test_a_wrong_token_sets_nothing_up(self, client: Client, staff: User) -> None:
        place = log_in(client).redirect_chain[-1][0]
        assert "wrong or was used already" in client.post(place, {"token": "000000"}).content.decode()
        assert not TOTPDevice.objects.filter(confirmed=True).exists()
        assert not is_in(client)

    def test_a_key_that_was_looked_at_before_is_not_taken(self, client: Client, staff: User) -> None:
        place = log_in(client).redirect_chain[-1][0]
        seen = TOTPDevice.objects.get().key
        client.get(place)
        client.post(place, {"token": token_of(seen)})
        assert not is_in(client)

    def test_a_stolen_session_without_the_password_sets_nothing_up(self, client: Client, staff: User) -> None:
        log_in(client)
        session = client.session
        session[reauthentication.KEY] = int(time.time()) - reauthentication.WITHIN
        session.save()
        TOTPDevice.objects.all().delete()
        for response in (client.get(SETUP), client.post(SETUP, {"token": "000000"})):
            assert response.headers["Location"] == f"/accounts/login/?next={SETUP}"
        assert not TOTPDevice.objects.exists()
        assert "log in once more" in client.get(f"/accounts/login/?next={SETUP}").content.decode()

    def test_the_password_alone_does_not_replace_a_device(self, client: Client, staff: User) -> None:
        key, _ = set_up(Client())
        log_in(client)
        assert client.get(SETUP).headers["Location"] == f"{HERE}?next={SETUP}"
        assert client.post(SETUP, {"token": "000000"}).headers["Location"] == f"{HERE}?next={SETUP}"
        assert TOTPDevice.objects.get().key == key

    def test_a_new_phone_takes_the_place_of_the_former(self, client: Client, staff: User) -> None:
        key, codes = set_up(client)
        other = Client()
        log_in(other)
        give(other, codes[0])
        assert is_in(other)
        client.get(SETUP)
        fresh = TOTPDevice.objects.get(confirmed=False).key
        shown = client.post(SETUP, {"token": token_of(fresh)})
        assert "Your recovery codes" in shown.content.decode()
        assert [device.key for device in TOTPDevice.objects.all()] == [fresh]
        assert not StaticToken.objects.filter(token__in=codes).exists()
        # Where the former device was used, its session is not enough any more.
        assert is_in(client)
        assert not is_in(other)
        assert fresh != key

    @pytest.mark.parametrize("address", [HERE, SETUP])
    def test_it_is_for_staff(self, client: Client, user: User, address: str) -> None:
        assert client.get(address).headers["Location"].startswith("/accounts/login/")
        client.force_login(user)
        assert client.get(address).status_code == 403

    def test_neither_key_nor_codes_stay_in_a_browser_s_cache(self, client: Client, staff: User) -> None:
        assert "no-store" in log_in(client).headers["Cache-Control"]


class TestWhereItIsNotDemanded:
    @pytest.fixture(autouse=True)
    def _not_demanded(self, settings: Settings, _demanded: None) -> None:
        settings.MFA_REQUIRED = False

    def test_a_password_is_enough_without_a_device(self, client: Client, staff: User) -> None:
        log_in(client)
        assert is_in(client)

    def test_but_not_with_one(self, client: Client, staff: User) -> None:
        log_in(client)
        client.get(SETUP)
        key = TOTPDevice.objects.get().key
        client.post(SETUP, {"token": token_of(key)})
        other = Client()
        log_in(other)
        assert not is_in(other)
        give(other, token_of(key, 1))
        assert is_in(other)


def test_an_operator_gives_a_code_to_who_has_lost_the_phone(
    client: Client, staff: User, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up(Client())
    call_command("addstatictoken", "Root@example.com")
    log_in(client)
    give(client, capsys.readouterr().out.strip())
    assert is_in(client)
    with pytest.raises(CommandError, match="does not exist"):
        call_command("addstatictoken", "nobody@example.com")


def test_an_operator_takes_everything_away(client: Client, staff: User, capsys: pytest.CaptureFixture[str]) -> None:
    set_up(client)
    call_command("remove_second_factor", "Root@example.com")
    assert "The second factor of root@example.com is removed" in capsys.readouterr().out
    assert not is_in(client)
    assert not StaticToken.objects.exists()
    set_up(Client())
    with pytest.raises(CommandError, match=r"^There is no account nobody@example\.com\.$"):
        call_command("remove_second_factor", "nobody@example.com")
    User.objects.create_user("ada@example.com")
    with pytest.raises(CommandError, match=r"^ada@example\.com has no second factor\.$"):
        call_command("remove_second_factor", "ada@example.com")
