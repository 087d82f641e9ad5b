"""A program that asks a site without pause, until its standard input is closed, and then prints what came back.

``python -m tests.support.load PORT AUTHORITY`` asks for https://example.com at a port of 127.0.0.1. It prints "asking"
when each connection has sent all requests once, and ends when each has sent all of them once more after the input's
end. At last it prints, as JSON, how often each answer came: ``GET / 200``, ``POST /health/ 405``, ``version 0.1.0``;
what is no answer is counted under the name of its error. ``slowest`` is the longest that an answer took after the
first round, in seconds. A request that met the close of a connection which had been kept counts as ``closed``: nginx
closes those that are idle when it is reloaded, and clients ask again on another (RFC 9112, 9.3.1).
"""

import collections
import http.client
import json
import math
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.support.machine import Https, Machine

ROOT = Path(__file__).resolve().parents[2]
CONNECTIONS = 16
# Seconds between two requests of a connection; all of them together ask some 75 times a second.
PAUSE = 0.2
# Seconds in which each connection must have sent its first requests; each of them may take a minute.
START_LIMIT = 200
# What the application answers to each when all is well; nothing in front of it answers so.
REQUESTS = {("GET", "/"): 200, ("POST", "/health/"): 405, ("GET", "/health/"): 200}


def ask(
    port: int,
    authority: str,
    begun: threading.Barrier,
    stop: threading.Event,
    counts: collections.Counter[str],
    durations: list[float],
) -> None:
    """Send requests over a connection that is kept, as a browser does, once more after ``stop`` is set.

    Add up the answers, and come to ``begun`` after the first round. Add the longest time of an answer since then to
    ``durations``.
    """
    context = ssl.create_default_context(cafile=authority)
    connection: Https | None = None
    rounds, is_last, slowest = 0, False, 0.0
    while not is_last:
        is_last = stop.is_set()
        for method, path in REQUESTS:
            is_kept = connection is not None
            connection = connection or Https("example.com", port, context)
            start = time.monotonic()
            try:
                connection.request(method, path, body=b"x=y" if method == "POST" else None)
                response = connection.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException) as error:
                is_closed = is_kept and isinstance(error, ConnectionError)
                counts["closed" if is_closed else f"{method} {path} {type(error).__name__}: {error}"] += 1
                connection = None
            else:
                counts[f"{method} {path} {response.status}"] += 1
                if (path, response.status) == ("/health/", 200):
                    counts[f"version {json.loads(body)['version']}"] += 1
                if response.will_close:
                    connection = None
            if rounds:
                slowest = max(slowest, time.monotonic() - start)
            time.sleep(PAUSE)
        rounds += 1
        if rounds == 1:
            begun.wait(START_LIMIT)
    durations.append(slowest)


class Load:
    """The program, running beside a test. What came back is in its attributes when it has ended."""

    def __init__(self, machine: Machine) -> None:
        command = [sys.executable, "-m", "tests.support.load", str(machine.ports[443]), str(machine.authority)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def __enter__(self) -> "Load":
        assert self.process.stdout
        # Nothing comes when it has ended, and why is then told at the end.
        self.process.stdout.readline()
        return self

    def __exit__(self, *error: object) -> None:
        output, errors = self.process.communicate(timeout=240)
        assert self.process.returncode == 0, errors
        self.counts: dict[str, int] = json.loads(output)
        self.slowest = self.counts.pop("slowest")
        wanted = {f"{method} {path} {status}" for (method, path), status in REQUESTS.items()}
        self.versions = {name.split()[1] for name in self.counts if name.startswith("version ")}
        self.closed = self.counts.pop("closed", 0)
        self.lost = {name: n for name, n in self.counts.items() if name not in wanted and "version" not in name}
        self.answered = sum(n for name, n in self.counts.items() if name in wanted)


def main() -> None:
    """Ask until nobody listens any more."""
    stop = threading.Event()
    counts: collections.Counter[str] = collections.Counter()
    durations: list[float] = []
    begun = threading.Barrier(CONNECTIONS + 1)
    arguments = (int(sys.argv[1]), sys.argv[2], begun, stop, counts, durations)
    threads = [threading.Thread(target=ask, args=arguments) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    begun.wait(START_LIMIT)
    print("asking", flush=True)
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    print(json.dumps(counts | {"slowest": math.ceil(max(durations))}))


if __name__ == "__main__":
    main()
