"""The locks that PostgreSQL takes on a table, and who waits for them.

https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
"""

# Name in pg_locks, name in the manual, and what the lock blocks. The strongest is the last.
MODES = {
    "AccessShareLock": ("ACCESS SHARE", "blocks neither readers nor writers"),
    "RowShareLock": ("ROW SHARE", "blocks only writers of the rows that it locks"),
    "RowExclusiveLock": ("ROW EXCLUSIVE", "blocks only writers of the same rows"),
    "ShareUpdateExclusiveLock": ("SHARE UPDATE EXCLUSIVE", "blocks neither readers nor writers"),
    "ShareLock": ("SHARE", "blocks writers until it ends, not readers"),
    "ShareRowExclusiveLock": ("SHARE ROW EXCLUSIVE", "blocks writers until it ends, not readers"),
    "ExclusiveLock": ("EXCLUSIVE", "blocks writers until it ends, not readers"),
    "AccessExclusiveLock": ("ACCESS EXCLUSIVE", "blocks readers and writers until it ends"),
}
STRENGTH = {mode: strength for strength, mode in enumerate(MODES)}
# Weaker ones are taken by every page that is shown.
LEAST_TOLD = STRENGTH["RowExclusiveLock"]
LEAST_IN_THE_WAY = STRENGTH["ShareLock"]


def strongest(held: list[tuple[str, str]]) -> dict[str, str]:
    """Return the strongest mode on each table, of pairs of table and mode; the weakest are left out."""
    found: dict[str, str] = {}
    for table, mode in sorted(held, key=lambda pair: STRENGTH[pair[1]]):
        if STRENGTH[mode] >= LEAST_TOLD:
            found[table] = mode
    return dict(sorted(found.items()))


def is_in_the_way(mode: str) -> bool:
    """Say whether anybody waits for a lock who does no more than any page."""
    return STRENGTH[mode] >= LEAST_IN_THE_WAY
