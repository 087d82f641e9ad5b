from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from django.core.management import CommandError


class BackupError(CommandError):
    """A sentence that says what is wrong with a backup or its restoring, and what would be right."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn what a storage service refuses within the block into a sentence."""
    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise BackupError(f"The storage service cannot be used as the settings say: {error}") from None
