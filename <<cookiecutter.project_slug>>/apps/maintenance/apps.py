from django.apps import AppConfig
from django.db.backends.signals import connection_created

from apps.maintenance.connections import refuse_writes


class MaintenanceConfig(AppConfig):
    """The read-only mode."""

    name = "apps.maintenance"

    def ready(self) -> None:
        """Have every connection that is opened from now on refuse to write while READ_ONLY_MODE is set."""
        connection_created.connect(refuse_writes)
