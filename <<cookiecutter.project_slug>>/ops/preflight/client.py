"""Asks the site as a visitor does: over HTTPS, by its name, believing the authorities that the machine trusts."""

import http.client
import json
import ssl
from dataclasses import dataclass
from http.client import HTTPMessage
from typing import Any

from ops.contracts import Finding, Target, note, reason

# Seconds, for connecting and for each part of the response.
TIMEOUT = 4.0
# Bytes of a response that are read.
BODY_LIMIT = 1024 * 1024
# What is raised when the site cannot be asked.
Unreachable = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class Response:
    """The response of the site."""

    status: int
    headers: HTTPMessage
    body: bytes

    def json(self) -> dict[str, Any]:
        """Return the object that the body is, or an empty one."""
        try:
            content = json.loads(self.body)
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}


def ask(target: Target, path: str, headers: dict[str, str] | None = None) -> Response:
    """Return the site's response to GET; a redirect is not followed. Raises Unreachable when there is none."""
    if not target.url:
        raise OSError("ALLOWED_HOSTS tells no name")
    connection = http.client.HTTPSConnection(
        target.host, target.port, timeout=TIMEOUT, context=ssl.create_default_context()
    )
    try:
        connection.request("GET", path, headers={"Connection": "close", "User-Agent": "preflight"} | (headers or {}))
        response = connection.getresponse()
        return Response(response.status, response.headers, response.read(BODY_LIMIT))
    finally:
        connection.close()


def unseen(failure: BaseException) -> Finding:
    """Return the finding of what could not be looked at; that the site does not answer is told by its own check."""
    return note(f"Skipped: the site does not respond: {reason(failure)}.")
