"""Takes away what somebody has for a second factor."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from apps.mfa.devices import remove


class Command(BaseCommand):
    """Removes an account's devices and recovery codes; its sessions do not open the admin any more."""

    help = "Remove what an account has for a second factor, so that the next login sets up another."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whose."""
        parser.add_argument("email", help="e-mail address of the account")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        """Remove it, or say that there is none."""
        users = get_user_model()
        try:
            user = users.objects.get_by_natural_key(email)
        except users.DoesNotExist:
            raise CommandError(f"There is no account {email}.") from None
        if not remove(user):
            raise CommandError(f"{user} has no second factor.")
        self.stdout.write(f"The second factor of {user} is removed; whoever logs in next sets up another.")
