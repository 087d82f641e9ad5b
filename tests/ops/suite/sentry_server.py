"""A server on this machine that stands in for Sentry, as far as what reports errors can tell."""

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Takes what is sent, and answers with the server's status."""

    server: "SentryServer"

    def do_POST(self) -> None:
        """Take an envelope, which is JSON in lines."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        self.server.envelopes.append(body.decode())
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


class SentryServer(ThreadingHTTPServer):
    """It takes everything, but for a ``status`` other than 200, with which it then answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.envelopes: list[str] = []
        self.status = 200
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    def server_close(self) -> None:
        """Stop it."""
        self.shutdown()
        self.thread.join()
        super().server_close()

    def dsn(self, key: str) -> str:
        """Return what SENTRY_DSN is for a project that has this key."""
        return f"http://{key}@127.0.0.1:{self.server_port}/1"

    def events(self) -> list[dict[str, Any]]:
        """Return the events that have arrived."""
        items = [json.loads(line) for text in self.envelopes for line in text.splitlines()]
        return [item for item in items if "event_id" in item and "platform" in item]
