"""The environment, read strictly: a value that cannot be understood is refused, never guessed at."""

import re
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

BOOLEANS = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}
EXAMPLES = {bool: "true or false", int: "a whole number such as 30"}


class Env(environ.Env):  # type: ignore[misc]
    """django-environ, which by itself reads DEBUG=ture as false, and keeps the blank in ``a.example, b.example``."""

    @classmethod
    def parse_value(cls, value: str, cast: Any) -> Any:
        """Return ``value`` as the type ``cast``; raise ValueError when it is not of that type."""
        if cast is bool:
            if value.strip().lower() not in BOOLEANS:
                raise ValueError("not a boolean")
            return BOOLEANS[value.strip().lower()]
        if cast is list:
            return [item.strip() for item in value.split(",") if item.strip()]
        return super().parse_value(value, cast)

    def get_value(self, var: str, cast: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return the variable ``var``; raise ImproperlyConfigured, without the value, when it is no ``cast``."""
        try:
            return super().get_value(var, cast, *args, **kwargs)
        except ValueError:
            raise ImproperlyConfigured(f"{var} must be {EXAMPLES[cast]}.") from None

    def number(self, var: str, default: int, least: int = 1) -> int:
        """Return the variable ``var``, a whole number; raise ImproperlyConfigured when it is less than ``least``."""
        number = int(self.int(var, default=default))
        if number < least:
            raise ImproperlyConfigured(f"{var} must be {least} or more.")
        return number

    def path(self, var: str, default: str) -> str:
        """Return the variable ``var``, the path of a page such as ``admin/``; raise ImproperlyConfigured otherwise."""
        value = str(self.str(var, default=default))
        if not re.fullmatch(r"(?:[A-Za-z0-9_-]+/){1,5}", value, re.ASCII):
            raise ImproperlyConfigured(
                f"{var} must be a path such as manage/: letters, digits, - and _, no / in front and one at the end."
            )
        return value

    def networks(self, var: str, default: Sequence[str]) -> list[str]:
        """Return the variable ``var``, addresses and networks or ``*``; raise ImproperlyConfigured when one is none."""
        found = [str(item) for item in self.list(var, default=default)]
        try:
            for item in found:
                if item != "*":
                    ip_network(item)
        except ValueError:
            raise ImproperlyConfigured(f"{var} must list addresses and networks such as 10.0.0.0/8, or *.") from None
        return found

    def choice(self, var: str, default: str, choices: Sequence[str]) -> str:
        """Return the variable ``var``, one of ``choices``; raise ImproperlyConfigured when it is none of them."""
        value = str(self.str(var, default=default))
        if value not in choices:
            raise ImproperlyConfigured(f"{var} must be one of {', '.join(choices)}.")
        return value

    def database(self, var: str, default: str) -> dict[str, Any]:
        """Return Django's settings for the database at the URL in ``var``, or nothing when there is no URL.

        Raises ImproperlyConfigured, without the URL, which holds a password, when it cannot be read.
        """
        url = self.str(var, default=default)
        if not url:
            return {}
        try:
            if url.partition("://")[0] not in ("postgres", "postgresql", "sqlite"):
                raise ValueError("not a database that this project knows")
            return dict(self.db_url_config(url))
        except ValueError:
            raise ImproperlyConfigured(
                f"{var} must be a URL such as postgres://user:password@127.0.0.1:5432/name, with what is special "
                "in the password percent-encoded."
            ) from None


env = Env()
