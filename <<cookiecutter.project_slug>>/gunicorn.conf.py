"""How gunicorn serves the project: it reads this file by itself when it is started in the project's folder.

What an operator may want to change comes from the environment. A socket that a service manager passes on takes
precedence over ``bind``. Reference: https://gunicorn.org/reference/settings/
"""

import contextlib
import gc
import sys
import time
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from config.settings.environment import env
from ops.capacity import release_memory_when_freed, site_processes
from ops.observability.logs import configuration

release_memory_when_freed()

try:
    # Threads share a process's memory and, while they wait for the database, its core. With more than one thread
    # gunicorn takes gthread for sync.
    worker_class = env.identifier("GUNICORN_WORKER_CLASS", default="gthread", example="gthread")
    if worker_class == "gthread":
        # It is that class, and besides lets no client that sends slowly hold a thread.
        worker_class = "ops.buffering_worker.BufferingWorker"
    # Each thread keeps a connection to the database open: processes times threads must stay below its limit.
    threads = env.number("GUNICORN_THREADS", default=4)
    # One process more than cores, as far as memory and connections to the database allow.
    AS_MANY_AS_FIT = site_processes(threads)
    workers = env.number("GUNICORN_WORKERS", default=AS_MANY_AS_FIT)
    # Seconds. A process that does not tell for so long that it lives hangs, and is replaced. With threads its main loop
    # tells, whatever a request does; with the class sync this is also the longest that a request may take.
    timeout = env.number("GUNICORN_TIMEOUT", default=120)
    # On a stop or restart, requests in progress have so many seconds to end.
    # >> if cookiecutter.deployment != "platform"
    # After 40 the services are killed, whatever this says.
    graceful_timeout = env.number("GUNICORN_GRACEFUL_TIMEOUT", default=30, most=35)
    # >> else
    graceful_timeout = env.number("GUNICORN_GRACEFUL_TIMEOUT", default=30)
    # >> endif
    # A process is replaced after so many requests; 0 replaces only one that has grown (ops/buffering_worker.py). A
    # thousand are served in seconds: with so low a number one of the processes would always be beginning...
    max_requests = env.number("GUNICORN_MAX_REQUESTS", default=0, least=0)
    # The application is loaded once, before the processes are forked: they share that memory, one that is replaced
    # serves at once, and an application that cannot be loaded ends gunicorn at once. A restart brings new code; the
    # signal HUP does not.
    preload_app = env.bool("GUNICORN_PRELOAD", default=True)
    # From these addresses alone is X-Forwarded-Proto believed; whoever reaches a unix socket is the proxy.
    forwarded_allow_ips = ",".join(env.networks("FORWARDED_ALLOW_IPS", default=["127.0.0.1", "::1"]))
    # What gunicorn says of itself.
    loglevel = env.choice(
        "GUNICORN_LOG_LEVEL", default="info", choices=("debug", "info", "warning", "error", "critical")
    )
except ImproperlyConfigured as error:
    sys.exit(f"Error: {error}")

# ...at times of their own, so that never all are replaced at once.
max_requests_jitter = max_requests // 10
# Seconds that an idle connection stays open. A proxy commonly keeps its own for 60 and must be the one to close, or it
# sends a request into a connection that is just being closed here.
keepalive = 75
# Each process tells in a file that it lives; on a disk that is slow, writing it would hang the process.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108

# >> if cookiecutter.use_metrics
# Likewise the metrics: each process counts in files of its own, and any of them can tell the sum.
from ops.observability.metrics import processes  # noqa: E402

processes.prepare(worker_tmp_dir)
pre_fork, post_fork, child_exit = processes.pre_fork, processes.post_fork, processes.child_exit

# >> endif
# The socket by which gunicorn can be controlled is one more way in, and its folder may not be writable.
control_socket_disable = True
# The one header that tells the scheme. By default there are two more, which a visitor could send past the proxy.
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}

# Bytes, and a number of headers. A request beyond these is refused before it costs anything.
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190

# The application writes a line for each request, and gunicorn what it has to say of itself in the same form.
logconfig_dict = configuration(loglevel.upper())
logconfig_dict["loggers"] |= {"gunicorn.error": {"handlers": [], "level": loglevel.upper(), "propagate": True}}


def post_request(process: Any, req: Any, environ: dict[str, Any], resp: Any) -> None:
    """Read what the application has left of a request's body, for five seconds at most.

    To close a connection with something unread in it resets it, and a proxy that is still sending would then tell the
    visitor 502 in place of the answer.
    """
    end = time.monotonic() + 5
    with contextlib.suppress(OSError):  # whoever was sending may have gone
        req.unreader.sock.settimeout(5)
        while time.monotonic() < end and req.body.read(65536):
            pass


def when_ready(server: Any) -> None:
    """Keep the garbage collector from touching, and so from copying, what the forked processes share."""
    if preload_app:
        gc.collect()
        gc.freeze()
