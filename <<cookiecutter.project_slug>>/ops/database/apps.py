from django.apps import AppConfig


class DatabaseConfig(AppConfig):
    """The command migrate, which takes the place of Django's."""

    name = "ops.database"
