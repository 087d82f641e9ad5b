"""Serve requests without a server, and say what each costs in CPU; benchmark_request.py starts it in a project.

It is run by the project's own Python, which has nothing of the tests. Each line that it reads is the name of a stack of
middleware, a path and a number of requests; the line that it writes is the microseconds of CPU for each of them. The
standard output of the project goes to /dev/null, because the journal's cost of a line does not depend on the project.
"""

import gc
import io
import math
import os
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ENVIRON = {
    "REQUEST_METHOD": "GET",
    "QUERY_STRING": "",
    "RAW_URI": "/",
    "SCRIPT_NAME": "",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SERVER_SOFTWARE": "gunicorn/27.0.1",
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "8000",
    "REMOTE_ADDR": "127.0.0.1",
    "REMOTE_PORT": "50000",
    "HTTP_HOST": "www.example.com",
    "HTTP_X_FORWARDED_FOR": "203.0.113.7",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_REQUEST_ID": "0123456789abcdef0123456789abcdef",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "HTTP_ACCEPT_LANGUAGE": "en-US,en;q=0.5",
    "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
    "wsgi.url_scheme": "https",
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.errors": sys.stderr,
}
Handler = Callable[[dict[str, Any], Callable[..., Any]], Any]


def request(handler: Handler, path: str) -> str:
    """Send a request for a path, read the response, and return its status."""
    said = []

    def start_response(status: str, headers: list[tuple[str, str]], error: Any = None) -> None:
        said.append(status)

    response = handler({**ENVIRON, "PATH_INFO": path, "wsgi.input": io.BytesIO()}, start_response)
    b"".join(response)
    response.close()
    return said[0]


def stacks() -> dict[str, Handler]:
    """Return handlers by name: ``all`` of the project, and ``-NAME`` for all but one middleware."""
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.test.utils import override_settings

    handlers: dict[str, Handler] = {"all": runpy.run_path("config/wsgi.py")["application"]}
    for name in settings.MIDDLEWARE:
        with override_settings(MIDDLEWARE=[other for other in settings.MIDDLEWARE if other != name]):
            handlers[f"-{name}"] = WSGIHandler()
    return handlers


def main() -> None:
    """Take orders until there are no more."""
    results = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.path.insert(0, os.getcwd())
    if Path("gunicorn.conf.py").exists():
        # As gunicorn does, before it loads the application.
        runpy.run_path("gunicorn.conf.py")
    handlers = stacks()
    gc.collect()
    gc.freeze()
    print(*handlers, file=results)
    for order in sys.stdin:
        name, path, count = order.split()
        start = time.process_time_ns()
        statuses = {request(handlers[name], path) for _ in range(int(count))}
        cost = (time.process_time_ns() - start) / 1000 / int(count)
        if statuses != {"200 OK"}:
            # A middleware that others need cannot be left out.
            cost = math.nan if name != "all" else sys.exit(f"{path}: {statuses}")
        print(cost, file=results)


if __name__ == "__main__":
    main()
