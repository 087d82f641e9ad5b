from django.apps import AppConfig


class HealthConfig(AppConfig):
    """Whether the process lives, and whether it can serve."""

    name = "ops.health"
