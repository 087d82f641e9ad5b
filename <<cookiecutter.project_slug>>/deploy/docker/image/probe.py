"""Ask the site of this container: ``probe.py PATH [SOCKET [HOST]]``, at its port or at a unix socket.

Prints the answer; the status is 0 when that is 200, else 1. With HOST it asks as nginx does for that name, and prints
the status of the response alone. It waits five seconds, or a minute for a page of HOST.
"""

import http.client
import os
import socket
import sys


def ask(path: str, address: str | None = None, host: str | None = None) -> http.client.HTTPResponse:
    """Return the site's answer; raise OSError when there is none."""
    timeout = 60 if host else 5
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8000")), timeout=timeout)
    if address:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(timeout)
        connection.sock.connect(address)
    headers = {"Host": host or "localhost"}
    if host:
        headers |= {"X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1"}
    connection.request("GET", path, headers=headers)
    return connection.getresponse()


def main() -> None:
    """Print the answer, or why there is none."""
    try:
        answer = ask(*sys.argv[1:])
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"The site does not answer: {error}")
    if len(sys.argv) > 3:
        print(answer.status)
        sys.exit()
    print(answer.read().decode())
    sys.exit(answer.status != 200)


if __name__ == "__main__":
    main()
