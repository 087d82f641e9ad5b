"""A server of git repositories that asks for a password."""

import base64
import contextlib
import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

USER, PASSWORD = "ann", "not-to-be-told"


class Handler(SimpleHTTPRequestHandler):
    """Gives out files to whoever knows the password."""

    def do_GET(self) -> None:
        """Answer with a file, or ask for the password."""
        known = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") == f"Basic {known}":
            super().do_GET()
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def git_server(folder: Path) -> Iterator[str]:
    """Serve repositories that `git update-server-info` has prepared; give the URL of the folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def with_password(url: str) -> str:
    """Return a URL with the user and the password in it."""
    return url.replace("://", f"://{USER}:{PASSWORD}@")
