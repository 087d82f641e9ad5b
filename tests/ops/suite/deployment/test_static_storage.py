"""The storage of static files in production."""

import gzip
from pathlib import Path

import pytest
from whitenoise.compress import Compressor

from ops.static_storage import CachingCompressor

STYLE = b"mark { color: inherit; }\n" * 100


@pytest.fixture
def compressions(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What WhiteNoise itself has compressed by gzip."""
    compressed: list[bytes] = []
    original = Compressor.compress_gzip

    def compress(data: bytes) -> bytes:
        compressed.append(data)
        return bytes(original(data))

    monkeypatch.setattr(Compressor, "compress_gzip", staticmethod(compress))
    return compressed


def collect(folder: Path, cache: Path | None) -> None:
    """Write one content under two names, and compress both by gzip, as ``collectstatic`` does."""
    folder.mkdir()
    compressor = CachingCompressor(cache, quiet=True, use_brotli=False)
    for name in ("site.css", "site.0123456789ab.css"):
        (folder / name).write_bytes(STYLE)
        assert compressor.compress(str(folder / name)) == [f"{folder / name}.gz"]
        assert gzip.decompress((folder / f"{name}.gz").read_bytes()) == STYLE


def test_content_with_two_names_is_compressed_once(tmp_path: Path, compressions: list[bytes]) -> None:
    collect(tmp_path / "static", None)
    assert compressions == [STYLE]


def test_cached_content_is_not_compressed_again(tmp_path: Path, compressions: list[bytes]) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    collect(tmp_path / "first", cache)
    collect(tmp_path / "second", cache)
    assert compressions == [STYLE]
    # Nothing unfinished is left.
    assert [path.suffix for path in cache.iterdir()] == [".gz"]
