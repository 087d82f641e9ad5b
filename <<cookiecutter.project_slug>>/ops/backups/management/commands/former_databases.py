"""The databases that were in service before a restore."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.template.defaultfilters import filesizeformat

from ops.backups import databases
from ops.backups.files import BackupError, locked
from ops.backups.programs import require_postgresql
from ops.read_only_state import lock_state
from ops.signals import undo_on_signals, uninterrupted


class Command(BaseCommand):
    """Lists the databases that a restore has replaced; drops one, or puts it in service again.

    They take as much room as they did in service, until they are dropped.
    """

    help = "List the databases that restores have replaced, drop one, or bring one back."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do with which."""
        choice = parser.add_mutually_exclusive_group()
        choice.add_argument("--drop", metavar="NAME", help="drop this one, for good")
        choice.add_argument("--bring-back", metavar="NAME", help="let this one and the one in service change places")

    def handle(self, *args: Any, drop: str | None, bring_back: str | None, **options: Any) -> None:
        """Do it."""
        require_postgresql()
        kept = databases.kept()
        if name := drop or bring_back:
            if name not in [one.name for one in kept]:
                raise BackupError(f"There is no former database {name}; former_databases lists those that there are.")
            with undo_on_signals(), locked():
                self.drop(name) if drop else self.bring_back(name)
            return
        if not kept:
            self.stdout.write("There is no former database.")
        for one in kept:
            self.stdout.write(f"{one.name}  {filesizeformat(one.size)}")

    def drop(self, name: str) -> None:
        """Drop it."""
        with databases.session() as connected:
            databases.drop(name, connected)
        self.stdout.write(f"{name} was dropped.")

    def bring_back(self, name: str) -> None:
        """Let it change places with the one in service."""
        former = databases.name_to_keep()
        with databases.session() as connected:
            # It was kept from writing when it was replaced.
            databases.set_value(name, databases.READ_ONLY, "on" if lock_state() else "off", connected)
        with uninterrupted():
            databases.swap(name, former)
        self.stdout.write(f"{name} is in service again, and what was is kept as {former}.")
