"""Clients that run on the machine of the benchmark. Each prints a line of JSON."""

import http.client
import json
import re
import socket
import ssl
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode, urlsplit

HOST = "example.com"
THREADS = 8
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
TRIVIAL, SLOW = "/benchmark/trivial/", "/benchmark/slow/"


class UnixConnection(http.client.HTTPConnection):
    """A connection to a unix socket."""

    def connect(self) -> None:
        """Connect to the path that is the host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.host)


def connect(site: str, client: int = 0) -> http.client.HTTPConnection:
    """Return a connection to an https:// or http:// URL or a unix socket.

    A server that is reached over http:// sees ``client``, from 0 to 253, as an IP address of its own.
    """
    if site.startswith("/"):
        return UnixConnection(site, timeout=60)
    url = urlsplit(site)
    if url.scheme == "https":
        context = ssl.create_default_context(cafile=AUTHORITIES)
        return http.client.HTTPSConnection(url.netloc, timeout=60, context=context)
    return http.client.HTTPConnection(url.netloc, timeout=60, source_address=(f"127.0.1.{client + 1}", 0))


def log_in(site: str, client: int, field: str, name: str, password: str) -> None:
    """Log in as a browser does, behind the proxy: get the form, and send it."""
    connection = connect(site, client)
    headers = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": f"198.51.100.{client + 1}"}
    connection.request("GET", "/accounts/login/", headers=headers)
    response = connection.getresponse()
    page = response.read().decode()
    token = re.search(r'name="csrfmiddlewaretoken"\s+value="([^"]+)"', page)
    if response.status != 200 or not token:
        sys.exit(f"The login page has status {response.status} and no form:\n{page[:500]}")
    cookies = "; ".join(cookie.partition(";")[0] for cookie in response.headers.get_all("Set-Cookie", []))
    headers |= {"Cookie": cookies, "Origin": f"https://{HOST}", "Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode({"csrfmiddlewaretoken": token[1], field: name, "password": password})
    # The servers differ in whether they keep a connection open.
    connection.close()
    connection.request("POST", "/accounts/login/", body=body, headers=headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    if response.status != 302 or "sessionid" not in str(response.headers.get_all("Set-Cookie")):
        sys.exit(f"The login of {name} failed with status {response.status}:\n{text[:500]}")


def logins(site: str, field: str, users: str, password: str) -> dict[str, float]:
    """Log in each user of a file of seed.py, several at a time."""
    names = [line.partition("\t")[0] for line in Path(users).read_text().splitlines()]
    pool = ThreadPoolExecutor(THREADS)
    try:
        for login in [
            pool.submit(log_in, site, number % 250, field, name, password) for number, name in enumerate(names)
        ]:
            login.result()
    finally:
        pool.shutdown(cancel_futures=True)
    return {"logins": len(names)}


def latency(site: str, path: str, count: str) -> dict[str, float]:
    """Request a page one time after the other, as a probe does; return the median time in milliseconds."""
    times = timed(site, path, lambda number: number >= int(count))
    return {"requests": len(times), "median": statistics.median(times) * 1000}


def timed(site: str, path: str, is_end: Callable[[int], bool]) -> list[float]:
    """Request a page until ``is_end(number)``; return how long each request took, in seconds. Any failure raises."""
    connection = connect(site)
    times = []
    while not is_end(len(times)):
        start = time.perf_counter()
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        times.append(time.perf_counter() - start)
        if response.status != 200:
            sys.exit(f"{path} responds with {response.status}.")
    return times


def wait_slowly(site: str, processes: list[str]) -> None:
    """Request the slow page, and record the process that has served it."""
    connection = connect(site)
    connection.request("GET", SLOW)
    response = connection.getresponse()
    text = response.read().decode()
    if response.status != 200:
        sys.exit(f"{SLOW} responds with {response.status}.")
    processes.append(text)


def slow(site: str, count: str) -> dict[str, float]:
    """Send slow requests, and request another page meanwhile; return the longest time of that, in milliseconds."""
    processes: list[str] = []
    threads = [threading.Thread(target=wait_slowly, args=(site, processes)) for _ in range(int(count))]
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    with ThreadPoolExecutor(THREADS) as pool:
        end = time.monotonic() + 8
        others = [pool.submit(timed, site, TRIVIAL, lambda number: time.monotonic() > end) for _ in range(THREADS)]
        times = [duration for other in others for duration in other.result()]
    for thread in threads:
        thread.join()
    if len(processes) != len(threads):
        sys.exit(f"{len(threads) - len(processes)} of {len(threads)} slow requests failed.")
    return {"requests": len(times), "longest": max(times) * 1000, "processes": len(set(processes))}


def release(site: str, count: str, command: str, step: str) -> dict[str, float]:
    """Run a release, and send slow requests at one of its steps; return how long the release took, in seconds."""
    processes: list[str] = []
    threads = [threading.Thread(target=wait_slowly, args=(site, processes)) for _ in range(int(count))]
    start = time.monotonic()
    said = []
    with subprocess.Popen([command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            said.append(line)
            if line.startswith(f"==> {step}"):
                for thread in threads:
                    thread.start()
    seconds = time.monotonic() - start
    if process.returncode != 0 or not any(line.startswith(f"==> {step}") for line in said):
        sys.exit("".join(said))
    for thread in threads:
        thread.join()
    if len(processes) != len(threads):
        sys.exit(f"{len(threads) - len(processes)} of {len(threads)} slow requests failed during the release.")
    return {"seconds": seconds}


if __name__ == "__main__":
    commands = {"logins": logins, "latency": latency, "slow": slow, "release": release}
    print(json.dumps(commands[sys.argv[1]](*sys.argv[2:])))
