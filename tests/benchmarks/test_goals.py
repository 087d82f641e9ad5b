"""What the comparison with the peer reports, and when it fails."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.benchmarks import benchmark_peer
from tests.benchmarks.goals import BARE, OURS, PEER, PEER_MANY, Figures, goals


def load(speed: float, p99: float, failed: float = 0) -> dict[str, float]:
    """Return what is measured of a page."""
    cpu = dict.fromkeys(("app", "nginx", "postgresql", "journal"), 0.1)
    return {"speed": speed, "p50": p99 / 2, "p99": p99, "failed": failed, **cpu}


def complete() -> Figures:
    """Return figures that meet each goal by its limit exactly."""
    return Figures(
        pages={
            ("list", OURS): load(800, 30),
            ("list", PEER): load(400, 50),
            ("list", PEER_MANY): load(800, 30),
            ("list", BARE): load(1000, 20),
            ("trivial", OURS): load(1800, 10),
            ("trivial", PEER_MANY): load(2000, 10),
            ("health", OURS): load(2000, 10),
        },
        crowd={OURS: load(720, 375)},
        memory={OURS: (110, 160)},
        ready=3,
        slow={OURS: 1000, PEER: 10000},
        release=2,
    )


def missed(figures: Figures) -> list[str]:
    """Return the names of goals that are missed."""
    return [goal.name for goal in goals(figures) if not goal.is_met]


def test_figures_at_their_limits_meet_every_goal() -> None:
    assert missed(complete()) == []
    assert len(list(goals(complete()))) == 13


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"pages": {("list", PEER): load(401, 50)}}, ["list: requests/s against peer"]),
        ({"pages": {("list", PEER): load(400, 49)}}, ["list: p99 against peer"]),
        (
            {"pages": {("list", PEER_MANY): load(801, 29)}},
            [f"list: requests/s against {PEER_MANY}", f"list: p99 against {PEER_MANY}"],
        ),
        ({"pages": {("trivial", OURS): load(1799, 10)}}, [f"trivial: requests/s against {PEER_MANY}"]),
        ({"pages": {("health", OURS): load(2000, 10, failed=1)}}, ["failed requests, all pages"]),
        ({"memory": {OURS: (110, 161)}}, ["memory after load and logins"]),
        ({"ready": 3.1}, ["/ready/"]),
        ({"crowd": {OURS: load(719, 375)}}, ["list with 200 connections against 16: requests/s"]),
        ({"crowd": {OURS: load(720, 375, failed=1)}}, ["list with 200 connections against 16: failed requests"]),
        ({"crowd": {OURS: load(720, 376)}}, ["list with 200 connections against 16: p99"]),
        ({"slow": {OURS: 1001}}, ["longest other request beside slow ones"]),
        ({"release": 2.1}, ["delay of a release by slow requests"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_worse_figure_misses_its_goal(change: dict[str, Any], expected: list[str]) -> None:
    figures = complete()
    for name, value in change.items():
        setattr(figures, name, getattr(figures, name) | value if isinstance(value, dict) else value)
    assert missed(figures) == expected


def test_only_measured_goals_count() -> None:
    figures = Figures(pages={("trivial", OURS): load(900, 10), ("trivial", PEER_MANY): load(1000, 10)})
    assert [goal.name for goal in goals(figures)] == [
        f"trivial: requests/s against {PEER_MANY}",
        "failed requests, all pages",
    ]


@pytest.mark.parametrize(("ready", "status", "outcome"), [(2.0, None, "PASS"), (54.0, "A goal is missed.", "MISS")])
def test_a_missed_goal_fails_the_command(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ready: float,
    status: str | None,
    outcome: str,
) -> None:
    figures = complete()
    figures.ready = ready
    assert run(monkeypatch, figures) == status
    printed = capsys.readouterr().out
    assert f"| /ready/ | ≤ 3.00 ms | {ready:.2f} ms | {outcome} |" in printed
    assert "| list | Slipway | 800 | 15.0 | 30.0 | 0.10 | 0.10 | 0.10 | 0.10 | 0 |" in printed
    assert "| health | peer | - | - | - | - | - | - | - | - |" in printed


def run(monkeypatch: pytest.MonkeyPatch, figures: Figures) -> object:
    """Run the command, whose machine has measured these figures; return its exit status or last words."""

    @contextlib.contextmanager
    def machine() -> Iterator[None]:
        yield None

    monkeypatch.setattr(benchmark_peer, "deployed", machine)
    monkeypatch.setattr(benchmark_peer, "measure", lambda *arguments: (figures, 3))
    monkeypatch.setattr(benchmark_peer, "describe", lambda *arguments: "a machine")
    monkeypatch.setattr(sys, "argv", ["benchmark_peer"])
    try:
        benchmark_peer.main()
    except SystemExit as end:
        return end.code
    return None


def test_unknown_measurement_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark_peer", "--only", "list,speed"])
    with pytest.raises(SystemExit) as end:
        benchmark_peer.main()
    assert end.value.code == 2
    assert "--only does not know speed. Choose from trivial, list," in capsys.readouterr().err
