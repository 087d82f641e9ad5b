"""What stands for the service that knows the vulnerabilities of packages, OSV, which the tests do without."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Service(ThreadingHTTPServer):
    """Knows of a vulnerability in each of the packages ``bad``, and counts the packages it was asked about."""

    def __init__(self, address: str) -> None:
        super().__init__((address, 0), Handler)
        self.bad: set[str] = set()
        self.asked: set[str] = set()

    def environment(self) -> dict[str, str]:
        """Return the variables by which pip-audit asks this service."""
        url = f"http://{self.server_address[0]}:{self.server_port}/v1/query"
        return {"PIP_AUDIT_VULNERABILITY_SERVICE": "osv", "PIP_AUDIT_OSV_URL": url}


class Handler(BaseHTTPRequestHandler):
    """Answers a question about a version of a package."""

    server: Service

    def do_POST(self) -> None:
        """Answer with what is known of the package."""
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        package = question["package"]
        self.server.asked.add(package["name"])
        known = {"id": "OSV-2026-1", "summary": "A test.", "affected": [{"package": package}]}
        answer = json.dumps({"vulns": [known]} if package["name"] in self.server.bad else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments: object) -> None:
        """Say nothing for each request."""


@contextlib.contextmanager
def vulnerabilities(address: str) -> Iterator[Service]:
    """Run the service on a port of an address of this machine."""
    with Service(address) as service:
        thread = threading.Thread(target=service.serve_forever)
        thread.start()
        yield service
        service.shutdown()
        thread.join()
