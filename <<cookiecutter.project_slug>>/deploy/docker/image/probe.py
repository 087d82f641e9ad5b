"""Ask the site of this container: ``probe.py PATH [SOCKET]``, at its port or at a unix socket, within five seconds.

Prints the answer; the status is 0 when that is 200, else 1.
"""

import http.client
import os
import socket
import sys


def ask(path: str, address: str | None) -> http.client.HTTPResponse:
    """Return the site's answer; raise OSError when there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8000")), timeout=5)
    if address:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(5)
        connection.sock.connect(address)
    connection.request("GET", path, headers={"Host": "localhost"})
    return connection.getresponse()


def main() -> None:
    """Print the answer, or why there is none."""
    try:
        answer = ask(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"The site does not answer: {error}")
    print(answer.read().decode())
    sys.exit(answer.status != 200)


if __name__ == "__main__":
    main()
