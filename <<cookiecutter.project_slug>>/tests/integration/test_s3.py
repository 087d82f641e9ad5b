"""Uploaded files in object storage, against a real server of its protocol."""

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from pytest_django import Settings

from config.settings.components.s3 import S3_STORAGE
from tests.object_storage import serving


@pytest.fixture
def storage(settings: Settings) -> Iterator[Storage]:
    """The project's storage, in a bucket of a server on this machine."""
    with serving("uploads") as (options, _):
        options = S3_STORAGE["OPTIONS"] | options
        settings.STORAGES = settings.STORAGES | {"default": S3_STORAGE | {"OPTIONS": options}}
        yield storages["default"]


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
    with urllib.request.urlopen(link) as answer:  # noqa: S310
        assert answer.read() == b"content"
