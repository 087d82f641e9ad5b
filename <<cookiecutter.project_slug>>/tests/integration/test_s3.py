"""Uploaded files in object storage, against a real server of its protocol."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import boto3
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from moto.server import ThreadedMotoServer
from pytest_django import Settings

from config.settings.components.s3 import S3_STORAGE, sources
from tests.unit.test_environment import ROOT


@pytest.fixture
def storage(settings: Settings) -> Iterator[Storage]:
    """The project's storage, in a bucket of a server on this machine."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    place = {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"}
    bucket = boto3.resource("s3", aws_access_key_id="test", aws_secret_access_key="test", **place).Bucket("uploads")
    bucket.create()
    options = S3_STORAGE["OPTIONS"] | place | {"access_key": "test", "secret_key": "test", "bucket_name": bucket.name}
    settings.STORAGES = settings.STORAGES | {"default": S3_STORAGE | {"OPTIONS": options}}
    yield storages["default"]
    # The server keeps what it has for as long as this process lives.
    bucket.objects.delete()
    server.stop()


def test_a_file_is_kept_read_and_removed(storage: Storage) -> None:
    name = storage.save("reports/a.txt", ContentFile(b"content"))
    with storage.open(name) as file:
        assert file.read() == b"content"
    storage.delete(name)
    assert not storage.exists(name)


def test_a_file_does_not_replace_another_of_its_name(storage: Storage) -> None:
    first = storage.save("a.txt", ContentFile(b"first"))
    second = storage.save("a.txt", ContentFile(b"second"))
    assert first != second
    with storage.open(first) as file:
        assert file.read() == b"first"


def test_a_file_is_reached_by_a_signed_link(storage: Storage) -> None:
    link = storage.url(storage.save("a.txt", ContentFile(b"content")))
    assert "X-Amz-Signature=" in link or "Signature=" in link
    with urllib.request.urlopen(link) as response:  # noqa: S310
        assert response.read() == b"content"


@pytest.mark.parametrize("bucket", ["uploads", "my.uploads"])
@pytest.mark.parametrize("region", [None, "us-east-1", "eu-central-1"])
@pytest.mark.parametrize(
    "endpoint", [None, "http://127.0.0.1:9000", "https://storage.example.com/", "https://s3.eu-central-1.amazonaws.com"]
)
def test_a_page_may_show_a_file(bucket: str, region: str | None, endpoint: str | None) -> None:
    keys = {"access_key": "key", "secret_key": "secret"}
    options = {"bucket_name": bucket, "region_name": region, "endpoint_url": endpoint}
    link = storages.create_storage(S3_STORAGE | {"OPTIONS": S3_STORAGE["OPTIONS"] | keys | options}).url("a.png")
    assert any(link.startswith(f"{source.rstrip('/')}/") for source in sources(bucket, endpoint, region))


def test_a_bucket_is_in_the_policy() -> None:
    bucket = {"AWS_STORAGE_BUCKET_NAME": "uploads", "AWS_S3_ENDPOINT_URL": "https://storage.example.com"}
    policy = "from config.settings import base; print(base.SECURE_CSP['img-src'], base.SECURE_CSP['media-src'])"
    run = subprocess.run(
        [sys.executable, "-c", policy], cwd=ROOT, env=os.environ | bucket, capture_output=True, text=True, check=True
    )
    assert run.stdout.count("https://storage.example.com/uploads/") == 2
