"""The environment, read strictly: a value that cannot be understood is refused, never guessed at.

env("NAME", default="")                   text, as it is
env.number("NAME", default=4, least=1)    a kind of variables.PARSERS, with its limits
"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from config.settings import variables


class Env:
    """The process's environment."""

    def __call__(self, var: str, default: str) -> str:
        """Return the variable ``var`` as it is, or ``default`` when it is not set."""
        return os.environ.get(var, default)

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        """Return a function that reads a variable of a kind."""
        if kind not in variables.PARSERS:
            raise AttributeError(f"config/settings/variables.py has no parser for {kind}")
        return partial(self._read, kind)

    def _read(self, kind: str, var: str, default: Any, **limits: Any) -> Any:
        """Return the variable ``var``; raise ImproperlyConfigured, without the value, when it is no such thing."""
        if var not in os.environ:
            return default
        try:
            return variables.parse(kind, os.environ[var], default, **limits)
        except ValueError as error:
            raise ImproperlyConfigured(f"{var} {error}.") from None

    def load(self, path: Path) -> None:
        """Put the variables of a .env, if it is there, into the environment; raise ImproperlyConfigured otherwise."""
        try:
            variables.load(path)
        except ValueError as error:
            raise ImproperlyConfigured(f"{error}.") from None


env = Env()
