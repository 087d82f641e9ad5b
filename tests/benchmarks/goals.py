"""The goals of the comparison with the peer, and whether measured figures meet them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

OURS, PEER, PEER_MANY, BARE = "Slipway", "peer", "peer, as many processes", "bare Django"
# Connections that send requests without a pause: for each page, and for the test with many clients.
CONNECTIONS, CROWD = 16, 200


@dataclass
class Figures:
    """What was measured. What was not asked for is empty, or None."""

    # By page and side: requests/s, milliseconds (p50, p99), CPU milliseconds of a request, failed requests.
    pages: dict[tuple[str, str], dict[str, float]] = field(default_factory=dict)
    # Likewise of the list page, by side, with CROWD connections.
    crowd: dict[str, dict[str, float]] = field(default_factory=dict)
    # By side: millions of bytes after load, and after load and logins.
    memory: dict[str, tuple[float, float]] = field(default_factory=dict)
    # Milliseconds of /ready/.
    ready: float | None = None
    # By side: the longest time of other requests while slow ones are in progress, in milliseconds.
    slow: dict[str, float] = field(default_factory=dict)
    # Seconds by which slow requests prolong a release.
    release: float | None = None


class Goal(NamedTuple):
    """A goal: the measured value must be at least, or at most, the limit."""

    name: str
    value: float
    limit: float
    is_minimum: bool = False
    unit: str = ""

    @property
    def is_met(self) -> bool:
        """Return whether the value meets the limit."""
        return self.value >= self.limit if self.is_minimum else self.value <= self.limit

    def row(self) -> list[str]:
        """Return the cells of a table: name, limit, value and outcome."""
        sign = "≥" if self.is_minimum else "≤"
        limit, value = (f"{number:.2f}{self.unit}" for number in (self.limit, self.value))
        return [self.name, f"{sign} {limit}", value, "PASS" if self.is_met else "MISS"]


def goals(figures: Figures) -> Iterator[Goal]:
    """Yield each goal whose figures were measured."""
    # Page, side, and the limits of requests/s and of p99 in relation to it.
    for page, side, speed, p99 in (
        ("list", PEER, 2.0, 0.6),
        ("list", PEER_MANY, 1.0, 1.0),
        ("trivial", PEER_MANY, 0.9, None),
    ):
        if (page, OURS) in figures.pages and (page, side) in figures.pages:
            own, other = figures.pages[page, OURS], figures.pages[page, side]
            yield Goal(f"{page}: requests/s against {side}", own["speed"] / other["speed"], speed, True, " times")
            if p99:
                yield Goal(f"{page}: p99 against {side}", own["p99"] / other["p99"], p99, unit=" times")
    own_pages = [measured for (_, side), measured in figures.pages.items() if side == OURS]
    if own_pages:
        yield Goal("failed requests, all pages", sum(measured["failed"] for measured in own_pages), 0)
    if OURS in figures.memory:
        yield Goal("memory after load and logins", figures.memory[OURS][1], 160, unit=" MB")
    if figures.ready is not None:
        yield Goal("/ready/", figures.ready, 3, unit=" ms")
    if OURS in figures.crowd and ("list", OURS) in figures.pages:
        few, many = figures.pages["list", OURS], figures.crowd[OURS]
        name = f"list with {CROWD} connections against {CONNECTIONS}"
        yield Goal(f"{name}: requests/s", many["speed"] / few["speed"], 0.9, True, " times")
        yield Goal(f"{name}: failed requests", many["failed"], 0)
        yield Goal(f"{name}: p99", many["p99"] / few["p99"], CROWD / CONNECTIONS, unit=" times")
    if OURS in figures.slow:
        yield Goal("longest other request beside slow ones", figures.slow[OURS], 1000, unit=" ms")
    if figures.release is not None:
        yield Goal("delay of a release by slow requests", figures.release, 2, unit=" s")
