from django.apps import AppConfig


class BackupsConfig(AppConfig):
    """Backups of the database and of uploaded files, and what restores them."""

    name = "ops.backups"
