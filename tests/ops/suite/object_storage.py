"""Object storage: a real server of S3's protocol, on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer


@contextmanager
def serving(name: str) -> Iterator[tuple[dict[str, str], Any]]:
    """Yield the options by which django-storages reaches a new bucket, and boto3's bucket itself."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    place = {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"}
    bucket = boto3.resource("s3", aws_access_key_id="test", aws_secret_access_key="test", **place).Bucket(name)
    bucket.create()
    try:
        yield place | {"access_key": "test", "secret_key": "test", "bucket_name": name}, bucket
    finally:
        # The server keeps what it has for as long as this process lives.
        bucket.objects.delete()
        server.stop()
