"""Backups: where they are, how long they are kept, and where else they are copied to.

Reference: https://django-storages.readthedocs.io/en/latest/backends/amazon-S3.html
"""

from pathlib import Path
from typing import Any

from config.settings.environment import env

BACKUPS_DIR = Path(env.file_path("BACKUPS_DIR", default="") or Path(__file__).resolve().parents[3] / "backups")
# Whether uploaded files are in a backup too.
BACKUPS_MEDIA = env.bool("BACKUPS_MEDIA", default=True)
# Besides those of the last two days: the newest of so many days, weeks and months.
BACKUPS_KEEP = {
    "days": env.number("BACKUPS_KEEP_DAILY", default=7, least=0),
    "weeks": env.number("BACKUPS_KEEP_WEEKLY", default=4, least=0),
    "months": env.number("BACKUPS_KEEP_MONTHLY", default=6, least=0),
}
# Hours after which the newest backup is overdue; 0 where nobody needs to know.
BACKUPS_MAX_AGE_HOURS = env.number("BACKUPS_MAX_AGE_HOURS", default=0, least=0)

# Keys of which the first signs backups and all are good for a restore; without any, SECRET_KEY and its fallbacks.
BACKUPS_SIGNING_KEYS = env.list("BACKUPS_SIGNING_KEYS", default=[])
# Public keys of age (https://age-encryption.org), for which a copy is encrypted; without any it is not.
BACKUPS_RECIPIENTS = env.list("BACKUPS_RECIPIENTS", default=[])
# Where copies go: a bucket of S3-compatible storage, best one that this server may write to and read, but not empty.
BACKUPS_STORAGE: dict[str, Any] = {
    "BACKEND": "storages.backends.s3.S3Storage",
    "OPTIONS": {
        "bucket_name": env("BACKUPS_S3_BUCKET", default=""),
        # Only for a service other than Amazon's.
        "endpoint_url": env.url("BACKUPS_S3_ENDPOINT_URL", default="") or None,
        "region_name": env("BACKUPS_S3_REGION", default="") or None,
        # Without the two, the machine's own role is used.
        "access_key": env("BACKUPS_S3_ACCESS_KEY_ID", default="") or None,
        "secret_key": env("BACKUPS_S3_SECRET_ACCESS_KEY", default="") or None,
        "default_acl": None,
        "file_overwrite": False,
    },
}
