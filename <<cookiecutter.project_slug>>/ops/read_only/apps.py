from django.apps import AppConfig
from django.db.backends.signals import connection_created

from ops.read_only.connections import refuse_writes


class ReadOnlyConfig(AppConfig):
    """The read-only mode."""

    name = "ops.read_only"
    # Its former name, which other code and settings may know it by.
    label = "maintenance"

    def ready(self) -> None:
        """Have every connection that is opened from now on refuse to write while READ_ONLY_MODE is set."""
        connection_created.connect(refuse_writes)
        # >> if cookiecutter.use_celery
        from django.core.checks import register

        from ops.deliveries import check_time_limits

        register(check_time_limits)
        # >> endif
