from django.apps import AppConfig
from django.db.backends.signals import connection_created

from ops.postgres import check_rarely


class DatabaseConfig(AppConfig):
    """The command migrate, which takes the place of Django's, and connections that are kept."""

    name = "ops.database"

    def ready(self) -> None:
        """Have connections that are opened from now on tried once a second, and not with each request."""
        connection_created.connect(check_rarely)
