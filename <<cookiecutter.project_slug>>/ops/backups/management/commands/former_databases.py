"""The former name of ``retained_databases``. The next version removes it."""

from typing import Any

from ops.backups.management.commands import retained_databases


class Command(retained_databases.Command):
    """Runs ``retained_databases``, and names it."""

    help = "Deprecated: use retained_databases. Its --swap-back replaces --bring-back."
    swap_options = ("--swap-back", "--bring-back")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a warning, then run the command."""
        self.stderr.write(
            "Warning: former_databases is deprecated. Use retained_databases, with --swap-back for --bring-back."
        )
        super().handle(*args, **options)
