"""How gunicorn receives a request before it gives it a thread.

Without it a client that sends slowly holds a thread for as long as it likes, and some dozens of them stop the site. A
proxy in front of a unix socket does the same: this is for connections over TCP.
"""

import contextlib
import random
import re
import selectors
import socket
import time
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import TConn, ThreadWorker

from ops.capacity import PROCESS_MEMORY, process_size

# Bytes of a request that are received before a thread reads the rest, those of them that stay in memory, and those that
# its headers may have.
BUFFER_LIMIT = 10 * 1024 * 1024
MEMORY_LIMIT = 64 * 1024
HEAD_LIMIT = 128 * 1024
# A client has these seconds to send a request, and a second more for each KiB.
GRACE = 15.0
SLOWEST = 1024
# Seconds that an open connection without a request may delay a stop, and that a client has to close a connection.
LINGER = 2.0

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,4000})[ \t]*(?=\r\n)", re.IGNORECASE)
ENCODING = re.compile(rb"\r\ntransfer-encoding[ \t]*:[ \t]*([^\r]*?)[ \t]*(?=\r\n)", re.IGNORECASE)
CONTINUE = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
# Bytes by which a process may grow after its first request: as many as it was expected to need in all.
GROWTH_LIMIT = PROCESS_MEMORY
TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Chunks:
    """Finds the end of a body in chunks (RFC 9112, section 7.1); gunicorn judges whether it is well-formed."""

    def __init__(self) -> None:
        self.rest = bytearray()
        self.skip = 0
        self.is_trailer = False

    def feed(self, data: bytes) -> bool:
        """Take more of the body; return whether its end, or something malformed, has come."""
        self.rest += data
        while True:
            skipped = min(self.skip, len(self.rest))
            del self.rest[:skipped]
            self.skip -= skipped
            end = self.rest.find(b"\r\n")
            if self.skip or end < 0:
                return not self.skip and len(self.rest) > HEAD_LIMIT
            line = bytes(self.rest[:end])
            del self.rest[: end + 2]
            if self.is_trailer:
                if not line:
                    return True
                continue
            size = line.partition(b";")[0].strip()
            if not re.fullmatch(rb"[0-9a-fA-F]{1,15}", size):
                return True
            self.is_trailer = int(size, 16) == 0
            self.skip = 0 if self.is_trailer else int(size, 16) + 2


class Incoming:
    """A client's socket from which gunicorn reads what was received, and then the rest."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self.begin(b"")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def begin(self, data: bytes) -> None:
        """Expect another request, of which ``data`` has come already."""
        self.spool = SpooledTemporaryFile(max_size=MEMORY_LIMIT)  # noqa: SIM115 - it lives as long as the request
        self.head: bytearray | None = bytearray()
        self.chunks: Chunks | None = None
        self.size = 0
        self.expected = 0
        self.started = time.monotonic()
        # Bytes that a thread reads, and since when.
        self.rest = 0
        self.rest_started = 0.0
        self.is_whole = bool(data) and self.take(data)

    def receive(self) -> bool:
        """Receive what has come; return whether it is the whole request, as much as is received of it, or its end."""
        while not self.is_whole:
            try:
                data = self.client.recv(65536)
            except BlockingIOError:
                return False
            except OSError:
                data = b""
            self.is_whole = not data or self.take(data)
        return True

    def take(self, data: bytes) -> bool:
        """Keep data; return whether no more is to be received."""
        self.spool.write(data)
        self.size += len(data)
        if self.head is not None:
            searched = max(0, len(self.head) - 3)
            self.head += data
            end = self.head.find(b"\r\n\r\n", searched)
            if end < 0:
                return len(self.head) > HEAD_LIMIT
            head, data, self.head = bytes(self.head[: end + 2]), bytes(self.head[end + 4 :]), None
            lengths, encodings = LENGTH.findall(head), ENCODING.findall(head.lower())
            if len(lengths) + len(encodings) > 1 or encodings not in ([], [b"chunked"]):
                # gunicorn refuses it without a look at its body.
                return True
            self.chunks = Chunks() if encodings else None
            self.expected = end + 4 + (int(lengths[0]) if lengths else 0)
            if CONTINUE.search(head):
                with contextlib.suppress(OSError):  # the client may have gone
                    self.client.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        is_end = self.chunks.feed(data) if self.chunks else self.size >= self.expected
        return is_end or self.size >= BUFFER_LIMIT

    def is_late(self, now: float, patience: float) -> bool:
        """Return whether the client has had its time; without a request it has ``patience`` seconds."""
        return now > self.started + (GRACE + self.size / SLOWEST if self.size else patience)

    def rewind(self) -> None:
        """Let gunicorn read from the beginning."""
        self.spool.seek(0)

    def recv(self, size: int) -> bytes:
        """Return the next bytes of what was received; after that, of what the client sends."""
        if data := self.spool.read(size):
            return data
        now = time.monotonic()
        self.rest_started = self.rest_started or now
        if now > self.rest_started + GRACE + self.rest / SLOWEST:
            raise TimeoutError("the client sends too slowly")
        limit = self.client.gettimeout()
        self.client.settimeout(GRACE if limit is None else limit)
        try:
            data = self.client.recv(size)
        finally:
            self.client.settimeout(limit)
        self.rest += len(data)
        return data


class Connection(TConn):  # type: ignore[misc]
    """A connection over TCP, which is closed without waiting for the client."""

    def __init__(self, owner: "BufferingWorker", client: socket.socket, address: Any, server: Any) -> None:
        super().__init__(owner.cfg, Incoming(client), address, server)
        self.owner = owner

    def close(self, graceful: bool = False) -> None:
        """Close it; gracefully, when the client has, or after LINGER seconds."""
        if graceful:
            self.owner.linger(self.sock)
        else:
            util.close(self.sock)


class BufferingWorker(ThreadWorker):  # type: ignore[misc]
    """A gthread process whose main loop receives requests, and that ends when it has grown: gunicorn replaces it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.receiving: set[Connection] = set()
        self.lingering: dict[Incoming, float] = {}
        self.alive: bool
        self.next_look = 0.0
        self.first_size = 0
        # Of several that leak alike, not all end at once.
        self.growth_limit = GROWTH_LIMIT * random.uniform(1, 1.25)  # noqa: S311 - no secret depends on it

    def accept(self, listener: Any) -> None:
        """Accept a connection; over TCP, receive its request before a thread gets it."""
        if listener.sock.family not in (socket.AF_INET, socket.AF_INET6) or self.cfg.is_ssl:
            super().accept(listener)
            return
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        self.enqueue_req(Connection(self, client, address, listener.getsockname()))

    def enqueue_req(self, conn: Any) -> None:
        """Give a connection to a thread when its next request was received."""
        if not isinstance(conn, Connection):
            super().enqueue_req(conn)
            return
        # gunicorn may have read more than one request.
        conn.sock.begin(conn.parser.unreader.take_buffered() if conn.parser else b"")
        conn.sock.setblocking(False)
        if conn.sock.receive():
            self.hand_over(conn)
        else:
            self.receiving.add(conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_received, conn))

    def on_received(self, conn: Connection, client: Incoming) -> None:
        """Receive more, and give the connection to a thread when that is all."""
        if client.receive():
            self.receiving.discard(conn)
            self.poller.unregister(client)
            self.hand_over(conn)

    def hand_over(self, conn: Connection) -> None:
        """Give a connection to a thread."""
        conn.sock.rewind()
        conn.data_ready = True
        super().enqueue_req(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Keep, close or refuse a connection after a request; gunicorn looks for the next one in its own buffer."""
        if isinstance(conn, Connection) and conn.parser and (rest := conn.sock.spool.read()):
            conn.parser.unreader.unread(conn.parser.unreader.take_buffered() + rest)
        super().finish_request(conn, fs)

    def murder_pending(self) -> None:
        """Once a second, close connections that have had their time, and end if this process has grown."""
        super().murder_pending()
        now = time.monotonic()
        if now < self.next_look:
            return
        self.next_look = now + 1
        self.end_when_grown()
        patience = self.cfg.keepalive if self.alive else LINGER
        for conn in [conn for conn in self.receiving if conn.sock.is_late(now, patience)]:
            self.receiving.discard(conn)
            self.poller.unregister(conn.sock)
            self.nr_conns -= 1
            if conn.sock.size:
                with contextlib.suppress(OSError):  # the client may have gone
                    conn.sock.send(TIMEOUT)
            self.linger(conn.sock)
        for client in [client for client, end in self.lingering.items() if now > end]:
            self.end(client)

    def end_when_grown(self) -> None:
        """Accept no more requests once this process has grown by GROWTH_LIMIT since its first one: it leaks."""
        if not self.alive or not self.nr:
            return
        self.first_size = self.first_size or process_size()
        grown = process_size() - self.first_size
        if grown > self.growth_limit:
            self.log.info("This process has grown by %d MiB since its first request; it is replaced.", grown // 2**20)
            self.alive = False

    def linger(self, client: Incoming) -> None:
        """Close a connection when its client has: with something unread in it, the response could be lost."""
        try:
            client.shutdown(socket.SHUT_WR)
            client.setblocking(False)
            self.poller.register(client, selectors.EVENT_READ, self.on_lingering)
        except (OSError, ValueError):
            util.close(client)
            return
        self.lingering[client] = time.monotonic() + LINGER

    def on_lingering(self, client: Incoming) -> None:
        """Discard what still comes, until the client closes the connection."""
        try:
            if client.client.recv(65536):
                return
        except BlockingIOError:
            return
        except OSError:  # the client has gone
            pass
        self.end(client)

    def end(self, client: Incoming) -> None:
        """Close a connection that lingers."""
        del self.lingering[client]
        self.poller.unregister(client)
        util.close(client)
