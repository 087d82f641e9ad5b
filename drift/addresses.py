"""Addresses of templates. The hook that records one uses this module too."""

import re


def without_credentials(address: str) -> str:
    """Return an address without the user name and password of a URL, to keep them out of records and messages.

    The user of an SSH URL stays, because the URL does not work without.
    """
    # A password may hold an @, so the last one before the path ends it.
    url = re.fullmatch(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^/?#]*)@(?P<rest>.*)", address, re.DOTALL)
    if url is None:
        return address
    user = url["user"].partition(":")[0] + "@" if "ssh" in url["scheme"].lower() else ""
    return url["scheme"] + user + url["rest"]
