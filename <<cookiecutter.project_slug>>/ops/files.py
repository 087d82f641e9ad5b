"""Write a file as a whole: readers see its former content or the new one, and nothing between."""

import os
from pathlib import Path


def replace_text(path: Path, text: str, mode: int | None = None) -> None:
    """Write ``text``, in UTF-8, to the disk and give it the name ``path`` in one step; raise OSError when it fails.

    Until then it is beside ``path``, with a name that ends in ``.partial``. ``mode`` are its permissions; without it
    they are what the process's umask leaves.
    """
    fresh = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with fresh.open("w", encoding="utf-8") as file:
            if mode is not None:
                fresh.chmod(mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
