"""Logging in and out, and passwords that are forgotten or changed."""

import json
import re
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings as configured
from django.contrib.auth import get_user
from django.core import mail
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.users import views
from apps.users.lockout import ADDRESS_LIMIT
from apps.users.models import User

PASSWORD = "correct horse battery"
NEW = "staple over and over"
# Addresses that are nobody's (RFC 5737).
HOME, ELSEWHERE = "203.0.113.7", "198.51.100.9"


@pytest.fixture(autouse=True)
def _no_limit_from_before() -> None:
    cache.clear()


def log_in(
    client: Client, password: str = PASSWORD, email: str = "ada@example.com", address: str = HOME, **extra: Any
) -> Any:
    """Send the form from an address, as the proxy passes it on."""
    form = {"username": email, "password": password}
    return client.post("/accounts/login/", form, headers={"X-Forwarded-For": address}, REMOTE_ADDR="", **extra)


def fail(client: Client, times: int = configured.AXES_FAILURE_LIMIT, **extra: Any) -> list[int]:
    return [log_in(client, "wrong", **extra).status_code for _ in range(times)]


@pytest.mark.django_db
class TestGuessing:
    def test_who_guesses_is_locked_out_and_told_for_how_long(self, client: Client, user: User) -> None:
        assert fail(client) == [200, 200, 200, 200, 429]
        response = log_in(client)
        assert (response.status_code, response.headers["Retry-After"]) == (429, "900")
        assert "Please wait 15 minutes" in response.content.decode()
        assert "no-store" in response.headers["Cache-Control"]
        assert not get_user(client).is_authenticated

    def test_a_client_that_asks_for_json_is_told_in_json(self, client: Client, user: User) -> None:
        fail(client)
        form = {"username": "ada@example.com", "password": PASSWORD}
        headers = {"X-Forwarded-For": HOME, "Accept": "application/json"}
        response = client.post("/accounts/login/", form, headers=headers, REMOTE_ADDR="")
        assert (response.status_code, response.headers["Retry-After"]) == (429, "900")
        assert "Too many attempts" in response.json()["detail"]

    def test_the_owner_logs_in_from_elsewhere(self, client: Client, user: User) -> None:
        fail(client)
        assert log_in(client, address=ELSEWHERE).status_code == 302

    def test_other_accounts_log_in_from_there(self, client: Client, user: User, admin_user: User) -> None:
        fail(client)
        assert log_in(client, email="root@example.com").status_code == 302

    def test_the_admin_counts_too(self, client: Client, admin_user: User) -> None:
        fail(client, email="root@example.com")
        form = {"username": "root@example.com", "password": PASSWORD}
        response = client.post("/admin/login/", form, headers={"X-Forwarded-For": HOME}, REMOTE_ADDR="")
        assert response.status_code == 429

    def test_another_case_or_another_browser_is_no_other_account(self, client: Client, user: User) -> None:
        for email in ("ada@example.com", "Ada@example.com", "ADA@EXAMPLE.COM", " ada@example.com"):
            log_in(client, "wrong", email=email, HTTP_USER_AGENT=email)
        assert log_in(client, "wrong").status_code == 429

    def test_a_made_up_address_neither_evades_nor_frames(self, client: Client, user: User) -> None:
        # As a proxy sends it that adds to what the visitor has sent.
        statuses = [log_in(client, "wrong", address=f"192.0.2.{part}, {HOME}").status_code for part in range(5)]
        assert statuses[-1] == 429
        for _ in range(5):
            form = {"username": "ada@example.com", "password": "wrong"}
            client.post("/accounts/login/", form, headers={"X-Forwarded-For": ELSEWHERE}, REMOTE_ADDR="192.0.2.1")
        assert log_in(client, address=ELSEWHERE).status_code == 302

    def test_all_addresses_of_a_network_of_ipv6_are_one(self, client: Client, user: User) -> None:
        for part in range(5):
            log_in(client, "wrong", address=f"2001:db8:0:1::{part}")
        assert log_in(client, address="2001:db8:0:1:ffff::1").status_code == 429
        assert log_in(client, address="2001:db8:0:2::1").status_code == 302

    def test_one_password_is_not_tried_with_all_accounts(self, client: Client, user: User) -> None:
        AccessAttempt.objects.bulk_create(
            AccessAttempt(username=f"{number}@example.com", ip_address=HOME, failures_since_start=1)
            for number in range(ADDRESS_LIMIT)
        )
        assert log_in(client).status_code == 429
        assert log_in(client, address=ELSEWHERE).status_code == 302

    def test_a_login_that_succeeds_begins_anew(self, client: Client, user: User) -> None:
        fail(client, 4)
        assert log_in(client).status_code == 302
        assert fail(client, 4) == [200] * 4

    def test_it_is_over_after_a_while_and_then_nothing_is_kept(self, client: Client, user: User) -> None:
        fail(client)
        AccessAttempt.objects.update(attempt_time=timezone.now() - configured.AXES_COOLOFF_TIME + timedelta(seconds=9))
        assert log_in(client).status_code == 429
        AccessAttempt.objects.update(attempt_time=timezone.now() - configured.AXES_COOLOFF_TIME)
        assert log_in(client).status_code == 302
        assert not AccessAttempt.objects.exists()

    def test_what_is_tried_meanwhile_does_not_make_it_longer(self, client: Client, user: User) -> None:
        fail(client)
        before = AccessAttempt.objects.get()
        fail(client, 3)
        after = AccessAttempt.objects.get()
        assert (after.attempt_time, after.failures_since_start) == (before.attempt_time, before.failures_since_start)

    def test_an_operator_lets_somebody_in_again(self, client: Client, user: User) -> None:
        fail(client)
        call_command("axes_reset_username", "ada@example.com")
        assert log_in(client).status_code == 302
        fail(client)
        call_command("axes_reset_ip", HOME)
        assert log_in(client).status_code == 302

    def test_the_log_has_a_line_for_each_failure_and_never_what_was_typed(
        self, client: Client, user: User, logged: Callable[[], list[dict[str, Any]]]
    ) -> None:
        # Somebody has typed the password into the wrong field.
        log_in(client, "hunter2 and more", email="hunter3 and more")
        lines = logged()
        assert [line["logger"] for line in lines] == ["axes.handlers.database", "django_structlog.middlewares.request"]
        assert lines[0]["level"] == "warning"
        assert HOME in lines[0]["event"]
        assert "hunter" not in json.dumps(lines)
        attempt = AccessAttempt.objects.get()
        assert "hunter" not in attempt.post_data + attempt.get_data

    def test_the_password_of_a_form_is_not_kept(self, client: Client, user: User) -> None:
        fail(client, 1)
        assert "wrong" not in str(vars(AccessAttempt.objects.get()))


@pytest.mark.django_db
class TestSessions:
    def test_who_has_no_account_here_is_led_to_the_form_and_back(self, client: Client, user: User) -> None:
        assert client.get("/accounts/").headers["Location"] == "/accounts/login/?next=/accounts/"
        assert log_in(client).headers["Location"] == "/accounts/"
        assert "ada@example.com" in client.get("/accounts/").content.decode()

    @pytest.mark.parametrize(
        "address",
        ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "https:evil.example"],
    )
    @pytest.mark.parametrize("form", ["/accounts/login/", "/admin/login/"])
    def test_next_does_not_lead_to_another_site(
        self, client: Client, admin_user: User, form: str, address: str
    ) -> None:
        sent = {"username": "root@example.com", "password": PASSWORD, "next": address}
        assert client.post(form, sent).headers["Location"] == "/accounts/"

    def test_next_leads_on_within_the_site(self, client: Client, user: User) -> None:
        sent = {"username": "ada@example.com", "password": PASSWORD, "next": "/accounts/password_change/"}
        assert client.post("/accounts/login/", sent).headers["Location"] == "/accounts/password_change/"

    def test_a_session_from_before_is_worth_nothing_after(self, client: Client, user: User) -> None:
        session = client.session
        session["planted"] = "by somebody"
        session.save()
        client.cookies[configured.SESSION_COOKIE_NAME] = planted = str(session.session_key)
        log_in(client)
        assert client.session.session_key != planted
        other = Client()
        other.cookies[configured.SESSION_COOKIE_NAME] = planted
        assert not get_user(other).is_authenticated

    def test_a_changed_password_ends_the_other_sessions(self, client: Client, user: User) -> None:
        other = Client()
        log_in(client)
        log_in(other)
        form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
        page = client.post("/accounts/password_change/", form, follow=True)
        assert "Your password was changed" in page.content.decode()
        assert get_user(client).is_authenticated
        assert not get_user(other).is_authenticated

    def test_the_former_password_is_needed_for_that(self, client: Client, user: User) -> None:
        log_in(client)
        form = {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}
        assert client.post("/accounts/password_change/", form).status_code == 200
        user.refresh_from_db()
        assert user.check_password(PASSWORD)

    def test_logging_out_takes_a_form(self, client: Client, user: User) -> None:
        log_in(client)
        assert client.get("/accounts/logout/").status_code == 405
        assert get_user(client).is_authenticated
        assert "You are logged out" in client.post("/accounts/logout/").content.decode()
        assert not get_user(client).is_authenticated

    def test_the_form_says_whose_site_it_is(self, client: Client) -> None:
        assert configured.SITE_NAME in client.get("/accounts/login/").context["site_name"]


def ask(client: Client, email: str = "ada@example.com", **extra: Any) -> Any:
    return client.post("/accounts/password_reset/", {"email": email}, **extra)


def arrived(number: int = 1) -> list[Any]:
    """Return the e-mail that was sent, in whatever thread."""
    end = time.monotonic() + 60
    while len(mail.outbox) < number and time.monotonic() < end:
        time.sleep(0.02)
    return list(mail.outbox)


def link() -> str:
    found = re.search(r"https?://[^/\s]+(/accounts/reset/\S+)", arrived()[-1].body)
    assert found
    return found[1]


@pytest.mark.django_db(transaction=True)
class TestForgottenPasswords:
    def test_the_link_sets_a_password_once_and_ends_all_sessions(self, client: Client, user: User) -> None:
        log_in(client)
        visitor = Client()
        ask(visitor)
        [message] = arrived()
        assert configured.SITE_NAME in message.subject
        assert (message.to, configured.SITE_NAME in message.body) == (["ada@example.com"], True)
        address = link()
        form = visitor.get(address, follow=True)
        # The token is not in the address of the page with the form.
        [(place, _)] = form.redirect_chain
        assert place.endswith("/set-password/")
        done = visitor.post(place, {"new_password1": NEW, "new_password2": NEW}, follow=True)
        assert "Your new password is set" in done.content.decode()
        assert not get_user(client).is_authenticated
        assert log_in(visitor, NEW).status_code == 302
        assert "not valid any more" in Client().get(address, follow=True).content.decode()

    def test_who_was_locked_out_logs_in_with_it(self, client: Client, user: User) -> None:
        fail(client)
        ask(client)
        place = client.get(link(), follow=True).redirect_chain[0][0]
        client.post(place, {"new_password1": NEW, "new_password2": NEW})
        assert log_in(client, NEW).status_code == 302

    def test_the_link_is_valid_for_an_hour(self, client: Client, user: User, settings: Settings) -> None:
        assert settings.PASSWORD_RESET_TIMEOUT == 3600
        ask(client)
        assert "valid for 60 minutes" in arrived()[0].body
        settings.PASSWORD_RESET_TIMEOUT = -1
        assert "not valid any more" in client.get(link(), follow=True).content.decode()

    def test_the_answer_does_not_tell_whether_there_is_an_account(self, client: Client, user: User) -> None:
        answers = [ask(client, email) for email in ("ada@example.com", "nobody@example.com")]
        assert {(response.status_code, response.headers["Location"], response.content) for response in answers} == {
            (302, "/accounts/password_reset/sent/", b"")
        }
        assert [message.to for message in arrived()] == [["ada@example.com"]]

    def test_the_link_leads_to_the_site_whatever_host_is_named(
        self, client: Client, user: User, settings: Settings
    ) -> None:
        settings.SITE_URL = "https://www.example.com"
        settings.ALLOWED_HOSTS = ["www.example.com", "other.example.com"]
        ask(client, headers={"Host": "other.example.com"})
        assert "https://www.example.com/accounts/reset/" in arrived()[0].body
        assert "other" not in arrived()[0].body
        assert ask(client, headers={"Host": "evil.example"}).status_code == 400

    def test_nobodys_mailbox_is_filled(self, client: Client, user: User) -> None:
        for email in ("ada@example.com", "Ada@example.com") * 3:
            assert ask(client, email).status_code == 302
        arrived(3)
        time.sleep(0.2)
        assert len(mail.outbox) == 3

    def test_message_that_the_mail_server_did_not_take_does_not_count(
        self, client: Client, user: User, settings: Settings, refusing_server: str
    ) -> None:
        backends, (host, port) = "django.core.mail.backends", refusing_server.split(":")
        options = {"host": host, "port": int(port)}
        settings.MAILERS = {"default": {"BACKEND": f"{backends}.smtp.EmailBackend", "OPTIONS": options}}
        client.raise_request_exception = False
        for _ in range(3):
            ask(client)
            for thread in threading.enumerate():
                if thread.name == "password-reset":
                    thread.join()
        settings.MAILERS = {"default": {"BACKEND": f"{backends}.locmem.EmailBackend"}}
        ask(client)
        assert len(arrived()) == 1

    def test_an_address_asks_only_so_often(self, client: Client, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(views, "RESET_LIMIT", 2)
        places = {"headers": {"X-Forwarded-For": HOME}, "REMOTE_ADDR": ""}
        answers = [ask(client, f"{number}@example.com", **places) for number in range(3)]
        assert [response.status_code for response in answers] == [302, 302, 429]
        assert answers[-1].headers["Retry-After"] == "3600"
        assert ask(client, headers={"X-Forwarded-For": ELSEWHERE}, REMOTE_ADDR="").status_code == 302

    def test_the_admin_leads_there(self, client: Client) -> None:
        assert 'href="/accounts/password_reset/"' in client.get("/admin/login/").content.decode()

    def test_the_token_is_not_in_the_log(
        self, client: Client, user: User, logged: Callable[[], list[dict[str, Any]]]
    ) -> None:
        ask(client)
        address = link()
        client.get(address)
        [line] = [line for line in logged() if line.get("path", "").startswith("/accounts/reset/")]
        assert line["path"].endswith("/[redacted]/")
        assert address.split("/")[-2] not in json.dumps(logged())
