"""What the metrics say of the read-only mode."""

from collections.abc import Iterator

from ops.contracts import Sample
from ops.read_only_state import read_only_state


def read_only() -> Iterator[Sample]:
    """Yield whether the site is read-only."""
    yield Sample("site_read_only", "Whether the site can be read only", read_only_state() is not None)
