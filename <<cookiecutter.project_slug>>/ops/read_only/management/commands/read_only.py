"""Switches the read-only mode on and off, without a restart."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ops.read_only import database
from ops.read_only_state import lock, lock_state, read_only_state, unlock
from ops.signals import exit_on_signals


class Command(BaseCommand):
    """Writes the lock file, and has the database refuse to write; or the other way round.

    When switching on fails or is interrupted it is undone; when switching off does, it stays on.
    """

    help = "Let the site be read, and nothing be changed."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do, and why."""
        parser.add_argument("action", choices=["on", "off", "status"], help="switch it on, or off, or say what it is")
        parser.add_argument("--reason", default="", help="what visitors are told, such as: Moving to a new server")

    def handle(self, *args: Any, action: str, reason: str, **options: Any) -> None:
        """Do it."""
        with exit_on_signals():
            if action == "on":
                self.switch_on(reason)
            elif action == "off":
                self.switch_off()
            else:
                self.tell()

    def switch_on(self, reason: str) -> None:
        """Switch it on, or make whole what is on already."""
        former = lock_state()
        start = database.now()
        if former is None or reason:
            self.write_lock_file(reason, former.since if former else None)
        try:
            has_changed = self.set_database(is_on=True)
        except BaseException:
            if former is None:
                self.stderr.write("Switching it off again, for it did not come on as a whole.")
                self.undo(start)
            raise
        self.stdout.write("Read-only mode was on already." if former and not has_changed else "Read-only mode is on.")

    def write_lock_file(self, reason: str, since: Any) -> None:
        """Write the lock file, or say why that is impossible."""
        try:
            lock(reason, since)
        except OSError as error:
            raise CommandError(
                f"Cannot write the lock file {settings.READ_ONLY_LOCK_FILE} ({error.strerror}). Create its folder, and "
                "let this user write there."
            ) from None

    def switch_off(self) -> None:
        """Switch it off, and say what stays on."""
        former = lock_state()
        has_changed = self.undo()
        if settings.READ_ONLY_MODE:
            raise CommandError("Read-only mode stays on: READ_ONLY_MODE is set. Unset it, and restart its processes.")
        self.stdout.write("Read-only mode is off." if former or has_changed else "Read-only mode was off already.")

    def undo(self, since: Any = "-infinity") -> bool:
        """Let the database take what is written, then the site, and say whether the former changed anything.

        Sessions that are older than ``since`` have nothing to forget.
        """
        try:
            has_changed = self.set_database(is_on=False, since=since)
            unlock()
        except BaseException:
            self.stderr.write("Read-only mode is still on.")
            raise
        return has_changed

    def set_database(self, is_on: bool, since: Any = "-infinity") -> bool:
        """Let the database refuse to write, or take it again, and say whether that changed anything."""
        if obstacle := database.obstacle():
            if is_on:
                self.stdout.write(f"Only the site keeps from writing; the database will not refuse it, for {obstacle}.")
            return False
        return database.set_read_only(is_on, self.stdout.write, since)

    def tell(self) -> None:
        """Say whether it is on, why and since when, and whether the database refuses to write."""
        state = read_only_state()
        self.stdout.write(f"Read-only mode: {'on' if state else 'off'}")
        if state:
            self.stdout.write(f"Reason: {state.reason or 'none given'}")
            self.stdout.write(f"Since: {state.since.isoformat(timespec='seconds') if state.since else 'the start'}")
        self.stdout.write(f"Database refuses to write: {'yes' if database.refuses_writes() else 'no'}")
