"""The queue of tasks: how long it is, what runs, and how something leaves it without having run."""

import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable
from typing import Any

from celery import current_app
from django.core.management.base import BaseCommand, CommandError
from kombu.exceptions import OperationalError

from ops import deliveries
from ops.read_only import queue


class Command(BaseCommand):
    """Tells how many tasks wait and run, by their names, and which are parked; or removes or replays some.

    What tasks were given is not shown, for it may be secret.
    """

    help = "Show how many tasks wait, what runs and what is parked; remove or replay tasks."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do, if anything."""
        choice = parser.add_mutually_exclusive_group()
        choice.add_argument("--remove", metavar="NAME", help="remove the tasks of this name, for good")
        choice.add_argument("--remove-all", action="store_true", help="remove all waiting tasks, for good")
        choice.add_argument("--replay", metavar="ID_OR_NAME", help="send parked tasks again")
        choice.add_argument("--discard", metavar="ID_OR_NAME", help="remove parked tasks, for good")
        choice.add_argument(
            "--move-former", action="store_true", help="move tasks here from the database after that of REDIS_URL"
        )

    def handle(self, *args: Any, remove: str | None, remove_all: bool, **options: Any) -> None:
        """Do it."""
        if current_app.conf.task_always_eager:
            raise CommandError("There is no broker: REDIS_URL is not set, and tasks run in their caller.")
        try:
            if remove or remove_all:
                self.remove(remove)
            elif options["replay"]:
                self.change_parked(options["replay"], deliveries.replay, "Sent again")
            elif options["discard"]:
                self.change_parked(options["discard"], deliveries.discard, "Removed")
            elif options["move_former"]:
                self.stdout.write(f"Moved {queue.move_former()} tasks.")
            else:
                self.tell()
        except OperationalError as error:
            raise CommandError(f"The broker does not respond: {error}") from None

    def remove(self, name: str | None) -> None:
        """Remove them, and say how many there were."""
        waiting, taken = queue.remove(name)
        if not waiting + taken and name:
            raise CommandError(f"There is no task {name}. List the tasks with: task_queue")
        self.stdout.write(f"Removed {waiting} that waited and {taken} that workers had taken.")

    def change_parked(self, which: str, change: Callable[[str], list[str]], done: str) -> None:
        """Replay or remove parked tasks, and say which."""
        task_ids = change(which)
        if not task_ids:
            raise CommandError(f"No task {which} is parked. List the parked tasks with: task_queue")
        for task_id in task_ids:
            self.stdout.write(f"{done}: {task_id}")

    def tell(self) -> None:
        """Say what waits and what runs."""
        self.tell_numbers("Waiting", queue.waiting())
        self.tell_numbers("Taken by workers", queue.taken())
        parked = deliveries.parked()
        self.stdout.write(f"Parked: {len(parked)}")
        for task_id, entry in parked.items():
            self.stdout.write(f"  {entry['since']}  {entry['name']}  {task_id}")
        active = current_app.control.inspect(timeout=2).active() or {}
        if not active:
            self.stdout.write("No worker responds.")
        for worker, tasks in sorted(active.items()):
            self.stdout.write(f"{worker} runs {len(tasks)}")
            for task in sorted(tasks, key=lambda task: task["time_start"] or 0.0):
                seconds = time.time() - (task["time_start"] or time.time())
                self.stdout.write(f"{seconds:8.0f} s  {task['name']}  {task['id']}")

    def tell_numbers(self, title: str, numbers: Counter[str]) -> None:
        """Say how many there are, and of which names."""
        self.stdout.write(f"{title}: {numbers.total()}")
        for name, number in numbers.most_common():
            self.stdout.write(f"{number:8}    {name}")
