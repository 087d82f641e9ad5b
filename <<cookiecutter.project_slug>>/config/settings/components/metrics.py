"""Metrics for Prometheus, which /metrics/ tells whoever sends OPERATOR_TOKEN."""

# >> if cookiecutter.use_celery
from config.settings.components.celery import CELERY_TASK_ALWAYS_EAGER

# What a worker imports when it starts, besides the tasks.
CELERY_IMPORTS = ["ops.observability.metrics.task_results"]

# >> endif
# Metrics collectors by the value of their label "source". Each is a function that yields ops.contracts.Sample.
METRICS_COLLECTORS = {
    "services": "ops.health.metrics.services",
    "backups": "ops.backups.metrics.backups",
    "read_only": "ops.read_only.metrics.read_only",
}
# >> if cookiecutter.use_celery
if not CELERY_TASK_ALWAYS_EAGER:
    METRICS_COLLECTORS["queues"] = "ops.observability.metrics.tasks.queues"
    METRICS_COLLECTORS["results"] = "ops.observability.metrics.tasks.results"
# >> endif
