"""Object storage: a real server of S3's protocol, on this machine."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer


@contextmanager
def serving_apart(name: str) -> Iterator[tuple[dict[str, str], Any]]:
    """Do as ``serving`` does, in a process of its own, whose memory is not that of the tests."""
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        try:
            url = next(match[0] for line in process.stderr if (match := re.search(r"http://127\.0\.0\.1:\d+", line)))
            yield reach(url, name)
        finally:
            process.terminate()


@contextmanager
def serving(name: str) -> Iterator[tuple[dict[str, str], Any]]:
    """Yield the options by which django-storages reaches a new bucket, and boto3's bucket itself."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    options, bucket = reach(f"http://{host}:{port}", name)
    try:
        yield options, bucket
    finally:
        # The server keeps what it has for as long as this process lives.
        bucket.objects.delete()
        server.stop()


def reach(url: str, name: str) -> tuple[dict[str, str], Any]:
    """Make a bucket on a server; return the options by which django-storages reaches it, and boto3's bucket itself."""
    place = {"endpoint_url": url, "region_name": "us-east-1"}
    bucket = boto3.resource("s3", aws_access_key_id="test", aws_secret_access_key="test", **place).Bucket(name)
    bucket.create()
    return place | {"access_key": "test", "secret_key": "test", "bucket_name": name}, bucket
