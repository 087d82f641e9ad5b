"""Whether the application sees of a request what is so, and nothing that a visitor has made up."""

from typing import Any

from django.conf import settings

from ops.contracts import Finding, Target, error, note, ok, warning
from ops.deployments import commands
from ops.preflight.site import Unreachable, ask, unseen

# An address that is nobody's (RFC 5737), and a scheme that is not the one in use.
MADE_UP = "192.0.2.1"
LIES = {"X-Forwarded-For": MADE_UP, "X-Forwarded-Proto": "http"}


def check(target: Target) -> Finding:
    """Find what /ready/ tells an operator of a request that lies about where it comes from."""
    here = commands()
    if not settings.OPERATOR_TOKEN:
        return note(
            "Not seen, for the site tells it operators alone, and OPERATOR_TOKEN is not set.",
            f"Set OPERATOR_TOKEN in {here.settings}, made with openssl rand -hex 24. {here.apply}",
        )
    try:
        answer = ask(target, "/ready/", LIES | {"Authorization": f"Bearer {settings.OPERATOR_TOKEN}"})
    except Unreachable as failure:
        return unseen(failure)
    told = answer.json()
    if "checks" not in told:
        # It is not the application that has answered; the check of the site tells.
        return note(f"Not seen, for /ready/ answers {answer.status} without what it should say.")
    request = told.get("details", {}).get("request")
    if not isinstance(request, dict):
        return warning(
            f"/ready/ answers {answer.status} without what it tells operators: it does not know this OPERATOR_TOKEN.",
            f"See that Authorization is passed on, and that the site has these settings. {here.apply}",
        )
    return judge(request, answer.headers.get_all("X-Request-ID") or [], target)


def judge(request: dict[str, Any], numbers: list[str], target: Target) -> Finding:
    """Find what is wrong in what the application has seen; ``numbers`` are the X-Request-ID of the answer."""
    here = commands()
    if request["scheme"] != "https":
        return error("The application sees HTTP where visitors come over HTTPS.", here.proxy)
    if request["host"] != target.address:
        return error(f"The application sees the host {request['host']} instead of {target.address}.", here.proxy)
    addresses = [address.strip() for address in (request["forwarded_for"] or "").split(",") if address.strip()]
    if addresses and addresses[-1] == MADE_UP:
        return error("The application believes the address that a visitor sends in X-Forwarded-For.", here.proxy)
    if not addresses:
        return warning("The application does not see the address of visitors: no X-Forwarded-For comes.", here.proxy)
    if MADE_UP in addresses:
        return warning("The proxy passes on what visitors send in X-Forwarded-For, and adds to it.", here.proxy)
    if len(numbers) > 1 or (not numbers and here.has_own_proxy):
        return warning(f"X-Request-ID comes {len(numbers)} times in an answer; it should once.", here.proxy)
    return ok(f"The application sees https, {target.address} and the visitor's own address.")
