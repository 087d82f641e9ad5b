"""The tables that the comparison with the peer prints."""

from tests.benchmarks import goals
from tests.benchmarks.goals import BARE, CROWD, OURS, PEER, PEER_MANY, Figures

SIDES = (OURS, PEER, PEER_MANY, BARE)
COLUMNS = {
    "speed": "requests/s",
    "p50": "p50 ms",
    "p99": "p99 ms",
    "app": "CPU ms: app",
    "nginx": "nginx",
    "postgresql": "PostgreSQL",
    "journal": "journald",
    "failed": "failed",
}


def table(titles: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [titles, ["---"] * len(titles), *rows])


def measured_row(page: str, side: str, measured: dict[str, float]) -> list[str]:
    """Return the row of a page and side."""
    digits = {"speed": 0, "failed": 0, "p50": 1, "p99": 1}
    return [page, side, *(f"{measured[name]:,.{digits.get(name, 2)}f}" for name in COLUMNS)]


def report(figures: Figures) -> bool:
    """Print the tables; return whether all goals that were measured are met."""
    rows = []
    for page in dict.fromkeys(page for page, _ in figures.pages):
        for side in SIDES:
            measured = figures.pages.get((page, side))
            rows.append(measured_row(page, side, measured) if measured else [page, side, *"-" * len(COLUMNS)])
    rows += [measured_row(f"list, {CROWD} connections", side, measured) for side, measured in figures.crowd.items()]
    if rows:
        print(table(["page", "side", *COLUMNS.values()], rows), end="\n\n")
    memory = [[side, *(f"{value:.0f}" for value in values)] for side, values in figures.memory.items()]
    if memory:
        print(table(["side", "MB after load", "MB after 200 logins"], memory), end="\n\n")
    slow = [[side, f"{longest:,.0f}"] for side, longest in figures.slow.items()]
    if slow:
        print(table(["side", "longest other request beside slow ones, ms"], slow), end="\n\n")
    found = list(goals.goals(figures))
    print(table(["goal", "limit", "measured", ""], [goal.row() for goal in found]))
    return all(goal.is_met for goal in found)
