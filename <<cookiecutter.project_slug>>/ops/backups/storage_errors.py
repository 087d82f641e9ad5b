"""What a storage service refuses. The libraries for it take long to import, so only commands do."""

from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from ops.backups.errors import BackupError


@contextmanager
def explained() -> Iterator[None]:
    """Turn what a storage service refuses within the block into a sentence."""
    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise BackupError(f"The storage service cannot be used as the settings say: {error}") from None
