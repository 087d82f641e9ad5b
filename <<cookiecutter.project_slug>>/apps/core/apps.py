from django.apps import AppConfig


class CoreConfig(AppConfig):
    """What any app of the project may use."""

    name = "apps.core"
