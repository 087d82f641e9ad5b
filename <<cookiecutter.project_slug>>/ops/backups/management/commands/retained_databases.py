"""The databases that restores have replaced."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.template.defaultfilters import filesizeformat

from ops.backups import databases
from ops.backups.files import BackupError, locked
from ops.backups.programs import require_postgresql
from ops.read_only_state import lock_state
from ops.signals import block_signals, exit_on_signals


class Command(BaseCommand):
    """Lists the databases that restores have replaced; drops one, or puts it in service again.

    A retained database takes the same disk space as in service until it is dropped.
    """

    help = "List the databases that restores have replaced, drop one, or put one back in service."
    requires_system_checks = ()
    swap_options: tuple[str, ...] = ("--swap-back",)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the action and the name of the database."""
        choice = parser.add_mutually_exclusive_group()
        choice.add_argument("--drop", metavar="NAME", help="drop this database for good")
        choice.add_argument(*self.swap_options, metavar="NAME", help="swap this database with the one in service")

    def handle(self, *args: Any, drop: str | None, swap_back: str | None, **options: Any) -> None:
        """List the retained databases, or drop or swap one of them."""
        require_postgresql()
        retained = databases.retained()
        if name := drop or swap_back:
            if name not in [one.name for one in retained]:
                raise BackupError(f"No retained database is called {name}. List them with: retained_databases")
            with exit_on_signals(), locked():
                self.drop(name) if drop else self.swap_back(name)
            return
        if not retained:
            self.stdout.write("No database is retained.")
        for one in retained:
            self.stdout.write(f"{one.name}  {filesizeformat(one.size)}")

    def drop(self, name: str) -> None:
        """Drop a retained database."""
        with databases.session() as connected:
            databases.drop(name, connected)
        self.stdout.write(f"{name} was dropped.")

    def swap_back(self, name: str) -> None:
        """Swap a retained database with the one in service."""
        databases.require_no_prepared_transaction()
        replaced = databases.name_to_keep()
        with databases.session() as connected:
            # It was kept from writing when it was replaced.
            databases.set_value(name, databases.READ_ONLY, "on" if lock_state() else "off", connected)
        with block_signals():
            databases.swap(name, replaced)
        self.stdout.write(f"{name} is in service again. The replaced database is retained as {replaced}.")
