"""The storage of static files in production."""

import hashlib
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage


class CachingCompressor(Compressor):  # type: ignore[misc]
    """Compress each content once.

    Every file is collected under two names, with and without the hash of its content, and most files stay the same
    from release to release. Args: ``folder`` keeps compressed contents for the next run; None keeps nothing.
    """

    def __init__(self, folder: Path | None, **options: Any) -> None:
        super().__init__(**options)
        self.folder = folder
        self.compressed: dict[str, bytes] = {}
        # WhiteNoise compresses in threads, and the two names of a file may come at the same time.
        self.locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def compress_brotli(self, data: bytes) -> bytes:
        """Return ``data`` compressed by Brotli."""
        return self.once("br", data, super().compress_brotli)

    def compress_gzip(self, data: bytes) -> bytes:
        """Return ``data`` compressed by gzip."""
        return self.once("gz", data, super().compress_gzip)

    def once(self, ending: str, data: bytes, compress: Callable[[bytes], bytes]) -> bytes:
        """Return ``compress(data)`` from this run, from the folder, or anew."""
        name = f"{hashlib.sha256(data).hexdigest()}.{ending}"
        with self.locks[name]:
            if name not in self.compressed:
                self.compressed[name] = self.load(name) or self.save(name, compress(data))
            return self.compressed[name]

    def load(self, name: str) -> bytes | None:
        """Return a file of the folder, or None if there is none."""
        if self.folder is None or not (self.folder / name).exists():
            return None
        return (self.folder / name).read_bytes()

    def save(self, name: str, compressed: bytes) -> bytes:
        """Write a file into the folder, and return its content."""
        if self.folder is not None:
            # Under its name only when it is whole: another build may read it.
            with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file:
                file.write(compressed)
            Path(file.name).replace(self.folder / name)
        return compressed


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """WhiteNoise's storage, which keeps what it has compressed in the folder ``compression_cache``, if there is one."""

    def __init__(self, *args: Any, compression_cache: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self.compression_cache = Path(compression_cache) if compression_cache else None

    def create_compressor(self, **options: Any) -> Compressor:
        """Return the compressor of a run."""
        return CachingCompressor(self.compression_cache, **options)
