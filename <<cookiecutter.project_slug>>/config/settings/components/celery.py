"""Background tasks with Celery on Redis.

A task is acknowledged after it has run, so one whose worker dies runs again: every task must be idempotent, that is,
running it twice must do no more than running it once.
Reference: https://docs.celeryq.dev/en/stable/userguide/configuration.html
"""

from urllib.parse import parse_qs, urlsplit

from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured

from config.settings.environment import env
from ops.capacity import worker_processes


def next_database(url: str) -> str:
    """Return the URL of the Redis database after the one at ``url``: .../1 for .../0."""
    parts = urlsplit(url)
    number = parts.path.strip("/") or "0"
    if not number.isdigit():
        raise ImproperlyConfigured("REDIS_URL must end in a database's number, such as /0; else set CELERY_BROKER_URL.")
    return parts._replace(path=f"/{int(number) + 1}").geturl()


def verified(url: str) -> str:
    """Return ``url`` such that the certificate of a Redis over TLS is checked: Celery's own default is not to."""
    parts = urlsplit(url)
    if parts.scheme != "rediss" or "ssl_cert_reqs" in parse_qs(parts.query):
        return url
    return parts._replace(query=f"{parts.query}&ssl_cert_reqs=required".removeprefix("&")).geturl()


# Not the cache's own database, which clearing the cache empties.
REDIS_URL = env.redis("REDIS_URL", default="")
CELERY_BROKER_URL = verified(
    env.redis("CELERY_BROKER_URL", default="", schemes=("redis", "rediss", "redis+socket"))
    or (next_database(REDIS_URL) if REDIS_URL else "")
)
# Without a broker, tasks run in the caller.
CELERY_TASK_ALWAYS_EAGER = not CELERY_BROKER_URL
CELERY_TASK_EAGER_PROPAGATES = True

# JSON only: unpickling what comes from a broker can run anything.
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
# What a task has to say it writes to the database; nothing is kept in Redis for a result that nobody fetches.
CELERY_TASK_IGNORE_RESULT = True

# Losing nothing that has begun: a task leaves the queue when it has run, also when the process that ran it was killed.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
# A task that was delivered so often and never ended, because each time its process was killed, is parked: it runs no
# more until "manage.py task_queue --replay".
TASK_DELIVERY_LIMIT = env.number("TASK_DELIVERY_LIMIT", default=5)
# With late acknowledgement a process keeps what it has fetched, so it fetches only the task that it runs and leaves
# the others to processes that are free.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1

# Tasks at a time, each in a process. By default as many as there are cores, as far as memory allows.
AS_MANY_AS_FIT = worker_processes()
CELERY_WORKER_CONCURRENCY = env.number("CELERY_WORKER_CONCURRENCY", default=AS_MANY_AS_FIT)

# Seconds. The soft limit raises SoftTimeLimitExceeded in the task, the hard one kills its process.
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 240
# A process is replaced after so many tasks, which gives back what they leaked.
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000

# On SIGQUIT, tasks in progress have so many seconds to end; what has not ended, and what waits for its time, goes back
# to the queue. SIGTERM waits for tasks in progress however long they take.
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 25

CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A request that starts a task while Redis is down fails at once: neither sending is tried again, nor, by max_retries
# below, connecting. A worker goes on connecting for as long as it takes.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Seconds after which a task whose worker has vanished is given to another. A countdown and a task's time limit must
    # together be less, or a task that still waits or runs is started a second time: ops/deliveries.py refuses those.
    "visibility_timeout": CELERY_TASK_TIME_LIMIT + 900,
    # Such tasks are looked for every 10 seconds; by default it is every 100.
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "max_retries": 0,
    # Seconds for which a Redis that hangs holds a request.
    "socket_connect_timeout": 2,
    "socket_timeout": 2,
}

# Sends nothing while the site is read-only.
CELERY_BEAT_SCHEDULER = "ops.read_only.beat:Scheduler"
CELERY_TIMEZONE = env.timezone("TIME_ZONE", default="<< cookiecutter.timezone >>")
CELERY_BEAT_SCHEDULE = {
    "clear-expired-sessions": {
        "task": "apps.core.tasks.clear_expired_sessions",
        "schedule": crontab(hour=3, minute=30),
    },
    # >> if cookiecutter.use_api
    "flush-expired-tokens": {
        "task": "apps.api.tasks.flush_expired_tokens",
        "schedule": crontab(hour=3, minute=45),
    },
    # >> endif
}
