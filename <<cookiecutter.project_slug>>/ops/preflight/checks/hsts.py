"""Whether browsers are told to come over HTTPS only, and for as long as the settings say."""

import re

from django.conf import settings

from ops.contracts import Finding, Target, note, ok, warning
from ops.deployments import commands
from ops.preflight.site import Unreachable, ask, unseen

# Seconds.
YEAR = 31536000


def check(target: Target) -> Finding:
    """Find what Strict-Transport-Security says on the wire."""
    here = commands()
    try:
        sent = ask(target, "/").headers.get_all("Strict-Transport-Security") or []
    except Unreachable as failure:
        return unseen(failure)
    expected = settings.SECURE_HSTS_SECONDS
    longer = f"Once all has been well over HTTPS, set SECURE_HSTS_SECONDS={YEAR} in {here.settings}. {here.apply}"
    if not expected:
        return warning("Browsers are not told to come over HTTPS only: SECURE_HSTS_SECONDS is 0.", longer)
    if len(sent) != 1:
        many = f"comes {len(sent)} times" if sent else "does not come"
        return warning(f"Strict-Transport-Security {many}; it should once.", here.proxy)
    found = re.search(r"max-age=\"?(\d+)", sent[0])
    seconds = int(found[1]) if found else 0
    if seconds != expected:
        return warning(f"The site says {seconds} seconds, and SECURE_HSTS_SECONDS {expected}.", here.proxy)
    if seconds < YEAR:
        return note(f"Browsers come over HTTPS only for {seconds} seconds after each visit.", longer)
    return ok(f"Browsers come over HTTPS only for {seconds} seconds after each visit.")
