"""Logs 10,000 records with a secret in each, in a process of the deployed project: ``manage.py shell`` runs this text.

Each secret has the word "hunter" in it, but for the numbers of cards, which begin with 4242.
"""

import logging
import random
import string
from collections.abc import Callable

import structlog

COUNT = 10_000
logger = logging.getLogger("seed_data")
structured = structlog.get_logger("seed_data")
made = random.Random(8)  # noqa: S311


def secret() -> str:
    """Return a secret that nobody has seen before."""
    return "hunter" + "".join(made.choices(string.ascii_letters + string.digits, k=18))


def card() -> str:
    """Return the number of a card, whose last digit is right, in one of the ways in which they are written."""
    digits = [4, 2, 4, 2, *(made.randrange(10) for _ in range(11))]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[::-2]]
    digits.append(-(sum(doubled) + sum(digits[-2::-2])) % 10)
    text = "".join(map(str, digits))
    return made.choice([text, " ".join(text[place : place + 4] for place in range(0, 16, 4))])


def fail() -> None:
    """Log an exception whose text, cause and lines of code hold one."""
    password = secret()
    try:
        try:
            raise ValueError(f"cannot connect to postgres://app:{password}@db/shop")
        except ValueError as error:
            raise RuntimeError({"password": password, "attempt": 1}) from error
    except RuntimeError:
        logger.exception("Failed with token=%s", password)


def fail_structured() -> None:
    """Likewise by way of structlog."""
    try:
        raise KeyError(f"session_key={secret()}")
    except KeyError:
        structured.exception("failed", headers={"Authorization": f"Bearer {secret()}"})


SHAPES: list[Callable[[], None]] = [
    lambda: logger.warning("Paid by card %s", card()),
    lambda: logger.warning("password=%s", secret()),
    lambda: logger.warning('{"api_key": "%s", "page": 1}', secret()),
    lambda: logger.warning("GET /reset/?token=%s&page=1", secret()),
    lambda: logger.warning("https://example.com/?next=%%2F%%3Fsecret%%3D%s", secret()),
    lambda: logger.warning("Asked https://ann:%s@example.com/", secret()),
    lambda: logger.warning("Headers %s", {"Cookie": f"sessionid={secret()}; csrftoken={secret()}"}),
    lambda: logger.warning("Headers %s", [("Authorization", f"Basic {secret()}")]),
    lambda: logger.warning("Set-Cookie: __Host-session=%s; Path=/", secret()),
    lambda: logger.warning("-----BEGIN RSA PRIVATE KEY-----\n%s\n-----END RSA PRIVATE KEY-----", secret()),
    lambda: logger.warning("Token eyJhbGciOiJIUzI1NiJ9.%s.%s", secret(), secret()),
    lambda: logger.warning("psql --password %s --host db", secret()),
    lambda: logger.warning("plain", extra={"user_password": secret(), "deep": {"list": [{"token": secret()}]}}),
    lambda: logger.warning("plain", extra={"request": {"headers": [(b"x-api-key", secret().encode())]}}),
    lambda: logger.warning("plain", extra={f"https://u:{secret()}@example.com/": 1}),
    lambda: structured.warning("plain", card=card(), cookies={"id": secret()}),
    lambda: structured.warning("plain", url=f"https://example.com/?access_token={secret()}"),
    lambda: structured.warning("plain", error=ValueError(f"dsn={secret()}")),
    fail,
    fail_structured,
]
for number in range(COUNT):
    SHAPES[number % len(SHAPES)]()
