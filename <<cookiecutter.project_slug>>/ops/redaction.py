"""Keeps secrets out of what is logged or reported.

What is kept under a name that says secret is replaced whole, at any depth; in a text, what looks like a secret is. It
imports nothing but the standard library, for gunicorn logs before there is a Django. What preflight prints is for the
operator: there only the secrets of the settings are hidden.
"""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

REDACTED = "[redacted]"
# What lies deeper is left out rather than followed.
DEEPEST = 20

NAME = (
    r"pass(?:word|wd|phrase|code)|passwd|pwd|secret|token|authori[sz]ation|cookie|credential|csrf|signature|dsn|"
    r"api[-_ ]?key|access[-_ ]?key|private[-_ ]?key|encryption[-_ ]?key|signing[-_ ]?key|session[-_ ]?(?:id|key)|"
    r"card[-_ ]?(?:no\b|num)|\bcv[vc]2?\b|\botp\b"
)
SECRET_NAME = re.compile(NAME, re.IGNORECASE)

# Each with what takes its place. The order matters: the first ones take more. None looks back or ahead without a limit
# wherever it begins, for a visitor can have long texts logged.
PATTERNS: list[tuple[re.Pattern[str], str]] = [
    # Keys, whose lines may have been joined by whatever wrote them.
    (
        re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----.*?(?:-----END [A-Z0-9 ]*-----|\Z)", re.DOTALL),
        REDACTED,
    ),
    (re.compile(r"AGE-SECRET-KEY-1[A-Z0-9]+", re.IGNORECASE), REDACTED),
    # A user and a password in a URL. What follows the last @ before the path is the host.
    (re.compile(r"://[^\s/?#\"'<>]*@"), f"://{REDACTED}@"),
    # A header's value may have blanks and go on to the end of the line, or of the text that holds it.
    (
        re.compile(r"((?:cookie|authorization)\b[\"']?\s*[:=,]\s*(?:b?[\"'])?)(?!\s)[^\"'\r\n]+", re.IGNORECASE),
        rf"\1{REDACTED}",
    ),
    (
        re.compile(r"\b(Bearer|Basic|Digest|Negotiate)(\s+|%20)[\w+/=~:-][\w+/=.~:-]{5,}", re.IGNORECASE),
        rf"\1\2{REDACTED}",
    ),
    # JSON web tokens, and keys that say whose they are.
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?"), REDACTED),
    (
        re.compile(
            r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_\w{20,}|\w{2,16}_pat_\w{20,}|glpat-[\w-]{20,}|"
            r"xox[a-z]-[\w-]{10,}|[sr]k_(?:live|test)_\w{10,}|AIza[\w-]{30,}|pypi-[\w-]{16,})"
        ),
        REDACTED,
    ),
    # The link that sets a new password.
    (re.compile(r"(/reset/[\w-]{1,64}/)[0-9a-z]{1,13}-[0-9a-f]{32,64}"), rf"\1{REDACTED}"),
    # An option of a command, and its value.
    (re.compile(rf"(?<!\S)(--?[\w-]{{0,32}}(?:{NAME})[\w-]{{0,32}}\s+)(?!-)\S+", re.IGNORECASE), rf"\1{REDACTED}"),
    # name=value, "name": "value", ('name', 'value'), name%3Dvalue.
    (
        re.compile(
            rf"((?:{NAME})[\w.\[\]-]{{0,64}}(?:\\?[\"']\s*[:,=]|\s*(?:=>?|:)|%3D)\s*)"
            r"(?!\[redacted\]|(?:None|True|False|null)\b)"
            r"(?:b?\\?\"(?:\\.|[^\"\\])*\\?\"|b?\\?'(?:\\.|[^'\\])*\\?'|[^\s,;&\"'(){}\[\]<>]+)",
            re.IGNORECASE,
        ),
        rf"\1{REDACTED}",
    ),
]
# Digits as on a card, with or without blanks between them; the sum of their check digit tells them from others. To look
# back after the first digit, and not from everywhere, takes a third of the time.
CARD = re.compile(r"[2-6](?<![\w.:-].)\d{3}[ -]?(?:\d[ -]?){8,14}\d(?![\w-])")
# Without any of these in it, in lower case, no pattern finds anything.
HINTS = (
    *("pass", "pwd", "secret", "token", "auth", "cookie", "cred", "csrf", "signature", "dsn", "key", "session"),
    *("card", "cv", "otp", "bearer", "basic", "digest", "negotiate", "://", "eyj", "akia", "asia", "ghp_", "gho_"),
    *("ghu_", "ghs_", "ghr_", "_pat_", "glpat", "xox", "k_live", "k_test", "aiza", "pypi-", "/reset/"),
)

# Settings that hold a secret, and the user and password of a URL.
SECRET_SETTING = re.compile(r"secret|password$|token$|access_key", re.IGNORECASE)
USER_INFO = re.compile(r"(?<=://)[^\s/@]+@")
# A secret that is shorter stands in many a word by chance.
SHORTEST = 4


def secrets_of(environment: Mapping[str, str]) -> set[str]:
    """Return the values of an environment that are secrets: by their name, or as the password in a URL.

    Those of fewer than eight characters are left out, for they are found in what is no secret too.
    """
    found = set()
    for name, value in environment.items():
        # Two folders, and URLs that every visitor knows.
        if SECRET_NAME.search(name) and name not in ("PWD", "OLDPWD", "CSRF_TRUSTED_ORIGINS"):
            found |= {value, *value.split(",")}
        if password := re.match(r"[a-z][a-z0-9+.-]*://[^/?#\s]*?:([^/?#\s]*)@", value, re.IGNORECASE):
            found |= {password[1], unquote(password[1])}
    return {value.strip() for value in found if len(value.strip()) >= 8}


# The longest first, which may hold another.
OWN_SECRETS = sorted(secrets_of(os.environ), key=len, reverse=True)


def redact(value: Any, name: str = "", depth: int = 0) -> Any:
    """Return ``value``, which is kept under ``name``, without secrets: as texts, numbers, lists and dictionaries."""
    if value is None or isinstance(value, bool):
        return value
    if name and SECRET_NAME.search(name):
        return REDACTED
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, int | float):
        return REDACTED if CARD.fullmatch(str(value)) and is_card(str(value)) else value
    if depth > DEEPEST:
        return "[too deep]"
    if isinstance(value, Mapping):
        return {redact_text(str(key)): redact(item, str(key), depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = list(value)
        # A header, or what else goes by pairs.
        if len(items) == 2 and isinstance(value, tuple) and isinstance(items[0], str | bytes):
            return [redact(items[0], "", depth + 1), redact(items[1], text_of(items[0]), depth + 1)]
        return [redact(item, "", depth + 1) for item in items]
    return redact_text(text_of(value))


def may_hold_secret(text: str) -> bool:
    """Say whether anything in a text could be a secret: most texts have nothing, and need no second look."""
    lower = text.lower()
    # A loop, for it is run for all that is logged, and a generator takes thrice as long.
    for hint in HINTS:
        if hint in lower:
            return True
    for secret in OWN_SECRETS:
        if secret in text:
            return True
    return CARD.search(text) is not None


def redact_text(text: str) -> str:
    """Return a text with what looks like a secret in it replaced."""
    if not may_hold_secret(text):
        return text
    for secret in OWN_SECRETS:
        text = text.replace(secret, REDACTED)
    for pattern, place in PATTERNS:
        text = pattern.sub(place, text)
    return CARD.sub(lambda found: REDACTED if is_card(found[0]) else found[0], text)


def text_of(value: Any) -> str:
    """Return what is written for a value."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def is_card(text: str) -> bool:
    """Say whether the digits of a text have the check digit of a card's number (ISO/IEC 7812-1, Luhn)."""
    digits = [int(sign) for sign in reversed(text) if sign.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return 13 <= len(digits) <= 19 and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def hide(text: str) -> str:
    """Return a text without any secret of the settings, and without the user and password of any URL."""
    # Not above, where it would be asked for by what has no Django.
    from django.conf import settings

    everything = {name: getattr(settings, name) for name in dir(settings) if name.isupper()}
    for secret in sorted(set(_secrets_in(everything)), key=len, reverse=True):
        if len(secret) >= SHORTEST:
            text = text.replace(secret, "…")
    return hide_in_urls(text)


def hide_in_urls(text: str) -> str:
    """Return a text without the user and password of any URL; this needs no settings."""
    return USER_INFO.sub("…@", text)


def _secrets_in(value: Any, is_secret: bool = False) -> Iterator[str]:
    """Yield what is secret in a value of the settings: by its name, or as the password of a URL."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _secrets_in(part, is_secret or bool(SECRET_SETTING.search(str(name))))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _secrets_in(part, is_secret)
    elif isinstance(value, str):
        if is_secret:
            yield value
        if "://" in value and (password := _password(value)):
            yield from (password, unquote(password))


def _password(url: str) -> str | None:
    try:
        return urlsplit(url).password
    except ValueError:
        return None
