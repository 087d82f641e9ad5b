"""Takes what is reported to Sentry, at port 8090, and prints each event as a line of JSON; run on a machine.

By the project's own Python, which has what reports are compressed with.
"""

import http.server

import brotli


class Endpoint(http.server.BaseHTTPRequestHandler):
    """One report, in the envelope that https://develop.sentry.dev/sdk/data-model/envelopes/ describes."""

    def do_POST(self) -> None:
        """Print the events of an envelope, and take it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        for line in brotli.decompress(body).splitlines():
            if b'"event_id"' in line and b'"platform"' in line:
                print(line.decode(), flush=True)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("0.0.0.0", 8090), Endpoint)
    print("listening", flush=True)
    server.serve_forever()
