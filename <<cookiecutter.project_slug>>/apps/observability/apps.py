from django.apps import AppConfig


class ObservabilityConfig(AppConfig):
    """What operators see of the running site."""

    name = "apps.observability"
