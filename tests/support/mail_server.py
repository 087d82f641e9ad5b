"""A mail server that speaks as much SMTP as it takes to connect, to encrypt and to take leave; run on a machine.

``mail_server.py CERTIFICATE KEY``: at port 587 of all addresses.
"""

import socketserver
import ssl
import sys


class Session(socketserver.StreamRequestHandler):
    """One client."""

    def handle(self) -> None:
        """Answer each line."""
        self.say("220 smtp.example.com")
        while line := self.rfile.readline().decode().strip().upper():
            if line.startswith("EHLO"):
                self.say("250-smtp.example.com\r\n250 STARTTLS")
            elif line == "STARTTLS":
                self.say("220 go on")
                encrypted = CONTEXT.wrap_socket(self.request, server_side=True)
                self.rfile, self.wfile = encrypted.makefile("rb"), encrypted.makefile("wb")
            elif line == "QUIT":
                self.say("221 good bye")
                return
            else:
                self.say("502 not here")

    def say(self, text: str) -> None:
        """Send a line."""
        self.wfile.write(f"{text}\r\n".encode())
        self.wfile.flush()


class Server(socketserver.ThreadingTCPServer):
    """All clients, each in a thread."""

    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CONTEXT.load_cert_chain(sys.argv[1], sys.argv[2])
    with Server(("0.0.0.0", 587), Session) as server:
        server.serve_forever()
