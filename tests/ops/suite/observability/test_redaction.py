"""No secret is logged, wherever in a record it stands."""

import time
from typing import Any

import pytest

from ops.redaction import DEEPEST, REDACTED, redact, redact_text, secrets_of

SECRET = "hunter2hunter"
# Apart, or the hook that looks for private keys takes this file for one.
PRIVATE_KEY = "PRIVATE" + " KEY"


@pytest.mark.parametrize(
    "text",
    [
        f"password={SECRET}",
        f"--password {SECRET} --verbose",
        f"GET /reset/?token={SECRET}&page=1",
        f"next=%2F%3Ftoken%3D{SECRET}%26page",
        f"{{'password': '{SECRET}', 'page': 1}}",
        f'{{"api_key":"{SECRET}"}}',
        f'{{\\"secret\\": \\"{SECRET}\\"}}',
        f"('password', '{SECRET}')",
        f"[(b'authorization', b'Basic {SECRET}')]",
        f"Authorization: Bearer {SECRET}",
        f"authorization: two {SECRET} words",
        f"Cookie: theme=dark; sessionid={SECRET}",
        f"Set-Cookie: __Host-id={SECRET}; Path=/",
        f"X-CSRFToken: {SECRET}",
        f"curl -H 'Bearer {SECRET}'",
        f"redis://:{SECRET}@127.0.0.1:6379/0",
        f"postgres://app:p@ss@{SECRET}@db/name".replace(f"@{SECRET}", f"{SECRET}"),
        f"https://{SECRET}@errors.example.com/1",
        f'login(password="a \\" quote and {SECRET}")',
        f"-----BEGIN RSA {PRIVATE_KEY}-----\n{SECRET}\n-----END RSA {PRIVATE_KEY}-----",
        f"-----BEGIN OPENSSH {PRIVATE_KEY}-----\\n{SECRET}",
        f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{SECRET}",
        f"AGE-SECRET-KEY-1{SECRET}",
        f"sk_live_{SECRET}",
        f"SECRET_KEY = {SECRET}",
        f"    connect(dsn='host=db password={SECRET}')\nOperationalError: no",
    ],
)
def test_a_secret_in_a_text_is_replaced_and_the_rest_stays(text: str) -> None:
    shown = redact_text(f"before {text}\nafter")
    assert SECRET not in shown
    assert REDACTED in shown
    assert shown.startswith("before ")


@pytest.mark.parametrize(
    "text",
    [
        "GET /admin/users/user/12/change/",
        "The password has too few characters.",
        "KeyError: 'password'",
        "password: None",
        "https://example.com/a@b?page=1",
        "ann@example.com asked for https://example.com/",
        "1764175200123456",
        "4111 1111 1111 1112",
        "2026-11-26T09:14:02.123456Z",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize("card", ["4111111111111111", "4111 1111 1111 1111", "3782-822463-10005", 5555555555554444])
def test_the_number_of_a_card_is_replaced(card: str | int) -> None:
    assert redact(card) == REDACTED
    assert redact(f"paid with {card}.") == f"paid with {REDACTED}."


class Login:
    def __str__(self) -> str:
        return f"Login(password={SECRET!r})"


@pytest.mark.parametrize(
    "value",
    [
        {"a": [{"B": ({"User-Password": SECRET},)}]},
        {"headers": [("Accept", "*/*"), (b"Cookie", SECRET.encode())]},
        {f"https://u:{SECRET}@example.com": 1},
        {"token": {"deep": SECRET}},
        ["--token", {"x": f"token={SECRET}".encode()}],
        {"user": Login()},
        ValueError(f"token={SECRET}"),
        {f"password={SECRET}"},
    ],
)
def test_a_secret_is_found_at_any_depth(value: Any) -> None:
    assert SECRET not in repr(redact(value))


def test_what_says_nothing_stays_what_it_is() -> None:
    value = {"status": 200, "seconds": 0.5, "ok": True, "none": None, "names": ["a", "b"], "password": None}
    assert redact(value) == value


def test_what_holds_itself_comes_to_an_end() -> None:
    value: list[Any] = []
    value.append(value)
    assert str(redact(value)).count("[") == DEEPEST + 2


def test_the_environments_own_secrets_are_known_wherever_they_stand() -> None:
    environment = {
        "SECRET_KEY": "key-of-the-site",
        "SECRET_KEY_FALLBACKS": "former-key-1, former-key-2",
        "DATABASE_URL": "postgres://app:with%2Fslash@db/name",
        "OPERATOR_TOKEN": "short",
        "ALLOWED_HOSTS": "www.example.com",
        "CSRF_TRUSTED_ORIGINS": "https://www.example.com",
    }
    assert secrets_of(environment) == {
        "key-of-the-site",
        "former-key-1",
        "former-key-2",
        "with%2Fslash",
        "with/slash",
    } | {"former-key-1, former-key-2"}


@pytest.mark.performance
@pytest.mark.parametrize("unit", ["a", "-", "://", "token", 'password="', "key-", "--a", "4 ", "-----BEGIN ", "eyJ"])
def test_a_long_text_takes_no_long_time(unit: str) -> None:
    text = (unit * 100_000)[:100_000] + " token"
    start = time.perf_counter()
    redact_text(text)
    assert time.perf_counter() - start < 5
