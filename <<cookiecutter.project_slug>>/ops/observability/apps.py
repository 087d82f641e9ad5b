from django.apps import AppConfig


class ObservabilityConfig(AppConfig):
    """What operators see of the running site: a log that can be searched and holds no secrets."""

    name = "ops.observability"
