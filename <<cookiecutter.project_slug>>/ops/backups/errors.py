from django.core.management import CommandError


class BackupError(CommandError):
    """A sentence that says what is wrong with a backup or its restoring, and what would be right."""
