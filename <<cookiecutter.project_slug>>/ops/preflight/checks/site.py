"""Whether visitors reach the site."""

from urllib.parse import urljoin, urlsplit

from ops.contracts import Finding, Target, error, ok, reason
from ops.deployments import commands
from ops.preflight.site import Unreachable, ask

REDIRECTS = {301, 302, 303, 307, 308}
# So many are followed.
MOST = 5


def check(target: Target) -> Finding:
    """Find whether the first page comes over HTTPS, and whether the site is ready."""
    here = commands()
    try:
        if fault := first_page(target):
            return fault
        ready = ask(target, "/ready/")
    except Unreachable as failure:
        return error(
            f"{target.url or 'The site'} does not answer: {reason(failure)}.",
            f"See that {target.host or 'the name'} leads here, and that port {target.port} is open. {here.start_site}",
        )
    if ready.status != 200:
        failing = ", ".join(name for name, passes in ready.json().get("checks", {}).items() if not passes)
        told = f"{target.url}/ready/ answers {ready.status}"
        return error(f"{told}: {failing} fails." if failing else f"{told}.", here.start_site)
    return ok(f"{target.url}/ answers 200, and /ready/ that all parts do.")


def first_page(target: Target) -> Finding | None:
    """Return what is wrong with the first page, or with where it leads, or None."""
    here = commands()
    url = f"{target.url}/"
    seen = [url]
    while True:
        answer = ask(target, urlsplit(url)._replace(scheme="", netloc="").geturl())
        if answer.status == 200:
            return None
        if answer.status not in REDIRECTS or len(seen) > MOST:
            return error(f"{url} answers {answer.status}.", here.start_site)
        url = urljoin(url, answer.headers["Location"] or "")
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
