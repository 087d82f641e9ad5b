"""What is counted and measured in the processes that answer requests."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, values

from ops.observability.metrics import processes

# Behind gunicorn each process writes into files of its own, from which any of them can tell the sum.
if processes.FOLDER in os.environ:
    values.ValueClass = values.MultiProcessValue(processes.number)
disable_created_metrics()
REGISTRY = CollectorRegistry()

REQUESTS = Counter(
    "site_requests_total", "Requests that were answered", ["method", "view", "status"], registry=REGISTRY
)
REQUEST_SECONDS = Histogram(
    "site_request_duration_seconds",
    "Seconds until a request was answered",
    ["method", "view"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
REQUESTS_IN_PROGRESS = Gauge(
    "site_requests_in_progress",
    "Requests that are being answered",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
QUERY_SECONDS = Histogram(
    "site_database_query_duration_seconds",
    "Seconds that the database took for a query of a request",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
    registry=REGISTRY,
)
QUERY_ERRORS = Counter(
    "site_database_query_errors_total", "Queries of requests that ended with an error", registry=REGISTRY
)
CACHE_READS = Counter(
    "site_cache_reads_total", "Values that were asked of the cache: hit, miss or error", ["result"], registry=REGISTRY
)
