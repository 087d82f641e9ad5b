from django.apps import AppConfig


class ObservabilityConfig(AppConfig):
    """Logs that can be searched and hold no secrets."""

    name = "apps.observability"
