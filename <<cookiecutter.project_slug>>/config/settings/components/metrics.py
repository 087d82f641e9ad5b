"""Metrics for Prometheus, which /metrics/ tells whoever sends OPERATOR_TOKEN."""

# >> if cookiecutter.use_celery
from config.settings.components.celery import CELERY_TASK_ALWAYS_EAGER

# What a worker imports when it starts, besides the tasks.
CELERY_IMPORTS = ["ops.observability.metrics.task_results"]

# >> endif
# What the apps tell of themselves, by a name that says whose it is; each yields ops.contracts.Reading.
METRICS_READINGS = {
    "services": "ops.health.readings.services",
    "backups": "ops.backups.readings.backups",
    "read_only": "ops.read_only.readings.read_only",
}
# >> if cookiecutter.use_celery
if not CELERY_TASK_ALWAYS_EAGER:
    METRICS_READINGS["queues"] = "ops.observability.metrics.tasks.queues"
    METRICS_READINGS["results"] = "ops.observability.metrics.tasks.results"
# >> endif
