"""Uploaded files in S3-compatible object storage; without a bucket, development keeps them on the disk.

Reference: https://django-storages.readthedocs.io/en/latest/backends/amazon-S3.html
"""

from typing import Any

from config.settings.environment import env

S3_STORAGE: dict[str, Any] = {
    "BACKEND": "storages.backends.s3.S3Storage",
    "OPTIONS": {
        "bucket_name": env("AWS_STORAGE_BUCKET_NAME", default=""),
        # Only for a service other than Amazon's.
        "endpoint_url": env.url("AWS_S3_ENDPOINT_URL", default="") or None,
        "region_name": env("AWS_S3_REGION_NAME", default="") or None,
        # Without the two, the machine's own role is used.
        "access_key": env("AWS_ACCESS_KEY_ID", default="") or None,
        "secret_key": env("AWS_SECRET_ACCESS_KEY", default="") or None,
        # A file is reached by a link that is signed and valid for an hour, and never replaces another of its name.
        "querystring_auth": True,
        "querystring_expire": 3600,
        "default_acl": None,
        "file_overwrite": False,
    },
}


def sources(bucket: str, endpoint: str | None, region: str | None) -> list[str]:
    """Return where a page takes the files of a bucket from, as sources of a Content Security Policy."""
    if endpoint:
        return [f"{endpoint.rstrip('/')}/{bucket}/"]
    # Amazon leads from the first to that of the region. Its certificates do not cover a dot in a bucket's name.
    hosts = ["s3.amazonaws.com", *([f"s3.{region}.amazonaws.com"] if region else [])]
    return [f"https://{host}/{bucket}/" if "." in bucket else f"https://{bucket}.{host}" for host in hosts]


S3_SOURCES = sources(*(S3_STORAGE["OPTIONS"][name] for name in ("bucket_name", "endpoint_url", "region_name")))
