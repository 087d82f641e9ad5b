"""The site as visitors reach it: first page, certificate, HSTS, and what the proxy passes on."""

import re
import socket
import ssl
import time
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.conf import settings

from ops.contracts import Finding, Target, error, note, ok, reason, warning
from ops.deployments import commands
from ops.preflight.client import TIMEOUT, Unreachable, ask, unseen

REDIRECTS = {301, 302, 303, 307, 308}
# So many are followed.
REDIRECT_LIMIT = 5


def check_site(target: Target) -> Finding:
    """Find whether the first page comes over HTTPS, and whether the site is ready."""
    here = commands()
    try:
        if fault := first_page(target):
            return fault
        ready = ask(target, "/ready/")
    except Unreachable as failure:
        return error(
            f"{target.url or 'The site'} does not respond: {reason(failure)}.",
            f"See that {target.host or 'the name'} leads here, and that port {target.port} is open. {here.start_site}",
        )
    if ready.status != 200:
        failing = ", ".join(name for name, passes in ready.json().get("checks", {}).items() if not passes)
        summary = f"{target.url}/ready/ responds with {ready.status}"
        return error(f"{summary}: {failing} fails." if failing else f"{summary}.", here.start_site)
    return ok(f"{target.url}/ responds with 200, and all checks of /ready/ pass.")


def first_page(target: Target) -> Finding | None:
    """Return what is wrong with the first page, or with where it leads, or None."""
    here = commands()
    url = f"{target.url}/"
    seen = [url]
    while True:
        response = ask(target, urlsplit(url)._replace(scheme="", netloc="").geturl())
        if response.status == 200:
            return None
        if response.status not in REDIRECTS or len(seen) > REDIRECT_LIMIT:
            return error(f"{url} responds with {response.status}.", here.start_site)
        url = urljoin(url, response.headers["Location"] or "")
        if url in seen:
            return error(
                f"{url} leads to itself without end: the application does not see that visitors come over HTTPS.",
                here.proxy,
            )
        if not url.startswith(f"{target.url}/"):
            return error(
                f"{seen[-1]} leads elsewhere, to {url}.",
                f"Let the name that visitors see be the first of ALLOWED_HOSTS in {here.settings}. {here.apply}",
            )
        seen.append(url)


# Days that are left.
SOON = 21
AT_ONCE = 7
DAY = 24 * 3600


def check_certificate(target: Target) -> Finding:
    """Find what the certificate says that is served."""
    here = commands()
    domain = target.host or "the site"
    if not target.url:
        return error(
            "The site has no name: ALLOWED_HOSTS is empty.",
            f"List its names in ALLOWED_HOSTS in {here.settings}. {here.apply}",
        )
    get = here.certificate.format(domain=domain)
    try:
        certificate = served(target)
    except ssl.SSLCertVerificationError as failure:
        return error(f"{domain} has a certificate that is not trusted: {failure.verify_message}.", get)
    except OSError as failure:
        return error(
            f"{target.address} shows no certificate: {reason(failure)}.",
            f"See that the name leads here, and that its port {target.port} is open. {here.start_site}",
        )
    names = [name for kind, name in certificate.get("subjectAltName", ()) if kind == "DNS"]
    end = ssl.cert_time_to_seconds(certificate["notAfter"])
    days = int((end - time.time()) // DAY)
    summary = f"The certificate holds {', '.join(names)} and has {days} days left."
    if days <= AT_ONCE:
        return error(summary, here.renew)
    if missing := [host for host in public_hosts() if not any(holds(name, host) for name in names)]:
        return warning(f"The certificate holds {', '.join(names)}, and not {', '.join(missing)}.", get)
    if days <= SOON:
        return warning(summary, here.renew)
    return ok(summary)


def served(target: Target) -> dict[str, Any]:
    """Return the certificate that the site shows; raise OSError when there is none to be believed."""
    with (
        socket.create_connection((target.host, target.port), timeout=TIMEOUT) as plain,
        ssl.create_default_context().wrap_socket(plain, server_hostname=target.host) as encrypted,
    ):
        return dict(encrypted.getpeercert() or {})


def public_hosts() -> list[str]:
    """Return the names of ALLOWED_HOSTS that visitors may come by: no patterns, addresses or names of this machine."""
    return [
        host
        for host in settings.ALLOWED_HOSTS
        if "." in host.strip(".") and host[0] not in ".*" and not host[-1].isdigit()
    ]


def holds(name: str, host: str) -> bool:
    """Say whether a name of a certificate, which may begin with ``*.``, is that of a host."""
    if name.startswith("*."):
        return host.lower().partition(".")[2] == name[2:].lower()
    return name.lower() == host.lower()


# Seconds.
YEAR = 31536000


def check_hsts(target: Target) -> Finding:
    """Find what Strict-Transport-Security says on the wire."""
    here = commands()
    try:
        sent = ask(target, "/").headers.get_all("Strict-Transport-Security") or []
    except Unreachable as failure:
        return unseen(failure)
    expected = settings.SECURE_HSTS_SECONDS
    longer = f"Once all has been well over HTTPS, set SECURE_HSTS_SECONDS={YEAR} in {here.settings}. {here.apply}"
    if not expected:
        return warning("HSTS is off: SECURE_HSTS_SECONDS is 0.", longer)
    if len(sent) != 1:
        many = f"comes {len(sent)} times" if sent else "does not come"
        return warning(f"Strict-Transport-Security {many}; it should once.", here.proxy)
    found = re.search(r"max-age=\"?(\d+)", sent[0])
    seconds = int(found[1]) if found else 0
    if seconds != expected:
        return warning(f"The site sends {seconds} seconds, and SECURE_HSTS_SECONDS is {expected}.", here.proxy)
    if seconds < YEAR:
        return note(f"HSTS is on for {seconds} seconds.", longer)
    return ok(f"HSTS is on for {seconds} seconds.")


# An address that is nobody's (RFC 5737), and a scheme that is not the one in use.
MADE_UP = "192.0.2.1"
LIES = {"X-Forwarded-For": MADE_UP, "X-Forwarded-Proto": "http"}


def check_proxy(target: Target) -> Finding:
    """Find what /ready/ tells an operator of a request that lies about where it comes from."""
    here = commands()
    if not settings.OPERATOR_TOKEN:
        return note(
            "Skipped: only operators may see it, and OPERATOR_TOKEN is not set.",
            f"Set OPERATOR_TOKEN in {here.settings}, made with openssl rand -hex 24. {here.apply}",
        )
    try:
        response = ask(target, "/ready/", LIES | {"Authorization": f"Bearer {settings.OPERATOR_TOKEN}"})
    except Unreachable as failure:
        return unseen(failure)
    content = response.json()
    if "checks" not in content:
        # It is not the application that has answered; the check of the site tells.
        return note(f"Skipped: /ready/ responds with {response.status} and without checks.")
    request = content.get("details", {}).get("request")
    if not isinstance(request, dict):
        return warning(
            f"/ready/ responds with {response.status} and without details: it does not know this OPERATOR_TOKEN.",
            f"See that Authorization is passed on, and that the site has these settings. {here.apply}",
        )
    return judge(request, response.headers.get_all("X-Request-ID") or [], target)


def judge(request: dict[str, Any], request_ids: list[str], target: Target) -> Finding:
    """Judge a request as the application saw it. ``request_ids`` are the X-Request-ID headers of the response."""
    here = commands()
    if request["scheme"] != "https":
        return error("The application sees HTTP instead of HTTPS.", here.proxy)
    if request["host"] != target.address:
        return error(f"The application sees the host {request['host']} instead of {target.address}.", here.proxy)
    addresses = [address.strip() for address in (request["forwarded_for"] or "").split(",") if address.strip()]
    if addresses and addresses[-1] == MADE_UP:
        return error("The application trusts an X-Forwarded-For header of the client.", here.proxy)
    if not addresses:
        return warning("The application does not see client IP addresses: X-Forwarded-For is missing.", here.proxy)
    if MADE_UP in addresses:
        return warning("The proxy keeps the X-Forwarded-For header of the client, and adds to it.", here.proxy)
    if len(request_ids) > 1 or (not request_ids and here.has_own_proxy):
        return warning(f"The response has {len(request_ids)} X-Request-ID headers. Expected one.", here.proxy)
    return ok(f"The application sees https, {target.address} and the client's own IP address.")
