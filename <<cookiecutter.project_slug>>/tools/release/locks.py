"""The locks that PostgreSQL takes on a table, and who waits for them.

https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
"""

# What pg_locks calls a mode; what the manual calls it; who waits while it is held. The strongest stands last.
MODES = {
    "AccessShareLock": ("ACCESS SHARE", "nobody who reads or writes waits"),
    "RowShareLock": ("ROW SHARE", "nobody who reads or writes waits, but for the rows that it locks"),
    "RowExclusiveLock": ("ROW EXCLUSIVE", "nobody waits but who writes the rows that it writes"),
    "ShareUpdateExclusiveLock": ("SHARE UPDATE EXCLUSIVE", "nobody who reads or writes waits"),
    "ShareLock": ("SHARE", "who writes waits until it ends; who reads does not"),
    "ShareRowExclusiveLock": ("SHARE ROW EXCLUSIVE", "who writes waits until it ends; who reads does not"),
    "ExclusiveLock": ("EXCLUSIVE", "who writes waits until it ends; who reads does not"),
    "AccessExclusiveLock": ("ACCESS EXCLUSIVE", "who reads or writes waits until it ends"),
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
