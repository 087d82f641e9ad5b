"""Shared by views and middleware: the client's IP address, who is an operator, and errors as JSON (RFC 9457)."""

from functools import cache, lru_cache
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.utils.crypto import constant_time_compare
from django.utils.encoding import escape_uri_path

Address = IPv4Address | IPv6Address

MEDIA_TYPE = "application/problem+json"


def client_address(request: HttpRequest) -> Address | None:
    """Return the visitor's address, or None where nobody tells it who is believed.

    X-Forwarded-For is believed of FORWARDED_ALLOW_IPS alone, and of whoever comes by a unix socket, which is the proxy.
    Each proxy adds on the right the address that it was asked from, and before that a visitor may have sent anything:
    so it is the last that is no proxy's, or, where ``*`` says that the proxy may have any address, the last.
    """
    meta = request.META
    proxies = tuple(settings.FORWARDED_ALLOW_IPS)
    return _client_address(meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR", ""), proxies)


@lru_cache(maxsize=512)
def _client_address(remote: str, forwarded: str, proxies: tuple[str, ...]) -> Address | None:
    peer = parsed(remote)
    if peer and not is_proxy(peer):
        return peer
    client = None
    for text in reversed(forwarded.split(",")):
        address = parsed(text.strip())
        if not address:
            break
        client = address
        if "*" in proxies or not is_proxy(address):
            break
    return client


def client_key(request: HttpRequest) -> str | None:
    """Return the IP address that limits count a client by, or None if it is unknown.

    An IPv6 client has a whole /64, in which it could take another address for each request: the network's first address
    stands for all of them.
    """
    address = client_address(request)
    if isinstance(address, IPv6Address):
        address = ip_network((address, 64), strict=False).network_address
    return str(address) if address else None


def is_proxy(address: Address) -> bool:
    """Say whether an address is in FORWARDED_ALLOW_IPS."""
    return any(name == "*" or address in network(name) for name in settings.FORWARDED_ALLOW_IPS)


network = cache(ip_network)


@lru_cache(maxsize=1024)
def parsed(text: str) -> Address | None:
    """Return the address that a text is, or None; one of IPv4 in the form of IPv6 is that of IPv4."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def prefers_json(request: HttpRequest) -> bool:
    """Say whether a client asks for JSON rather than for a page, or has sent JSON."""
    # >> if cookiecutter.use_api
    if request.path_info.startswith("/api/"):
        return True
    # >> endif
    if (request.content_type or "").endswith(("/json", "+json")):
        return True
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def problem(request: HttpRequest, status: int, detail: str, **more: Any) -> dict[str, Any]:
    """Return the problem details of an error (RFC 9457): status, detail and URL, and ``more`` for machines."""
    return {
        # It means nothing beyond the status.
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": escape_uri_path(request.path),
        **more,
    }


def problem_response(request: HttpRequest, status: int, detail: str, **more: Any) -> JsonResponse:
    """Return the response that tells of an error."""
    return JsonResponse(problem(request, status, detail, **more), status=status, content_type=MEDIA_TYPE)


def is_from_operator(request: HttpRequest) -> bool:
    """Say whether a request has OPERATOR_TOKEN."""
    sent = request.headers.get("Authorization", "")
    expected = f"Bearer {settings.OPERATOR_TOKEN}"
    return bool(settings.OPERATOR_TOKEN) and constant_time_compare(sent, expected)
