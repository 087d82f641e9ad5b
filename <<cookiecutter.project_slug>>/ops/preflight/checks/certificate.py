"""Whether browsers believe the certificate of the site, and for how long."""

import socket
import ssl
import time
from typing import Any

from django.conf import settings

from ops.contracts import Finding, Target, error, ok, reason, warning
from ops.deployments import commands
from ops.preflight.site import TIMEOUT

# Days that are left.
SOON = 21
AT_ONCE = 7
DAY = 24 * 3600


def check(target: Target) -> Finding:
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
        return error(f"{domain} has a certificate that is not to be trusted: {failure.verify_message}.", get)
    except OSError as failure:
        return error(
            f"{target.address} shows no certificate: {reason(failure)}.",
            f"See that the name leads here, and that its port {target.port} is open. {here.start_site}",
        )
    names = [name for kind, name in certificate.get("subjectAltName", ()) if kind == "DNS"]
    end = ssl.cert_time_to_seconds(certificate["notAfter"])
    days = int((end - time.time()) // DAY)
    told = f"The certificate holds {', '.join(names)} and has {days} days left."
    if days <= AT_ONCE:
        return error(told, here.renew)
    if missing := [host for host in public_hosts() if not any(holds(name, host) for name in names)]:
        return warning(f"The certificate holds {', '.join(names)}, and not {', '.join(missing)}.", get)
    if days <= SOON:
        return warning(told, here.renew)
    return ok(told)


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
