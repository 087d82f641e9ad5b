"""How many processes this machine, or this container, has room for."""

import ctypes
import math
import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
# Bytes that a process with four threads may come to need. A new project's takes 36 MiB, and each thread 19 MiB for as
# long as it checks a password.
PROCESS_MEMORY = 128 * 2**20
# Connections to the database that a site opens by default. PostgreSQL has 97 for all: a release has the former site
# and the new one at once, and others connect too.
CONNECTIONS = 40
# Bytes. A larger piece of memory goes back to the system when it is freed. glibc raises its own threshold, 128 KiB, to
# the size of what was freed, and each thread then keeps the 19 MiB of the last password that it has checked.
MMAP_THRESHOLD = 2**20
M_MMAP_THRESHOLD = -3
OWN_MEMORY = Path("/proc/self/statm")


def limits(name: str) -> Iterator[str]:
    """Yield the content of a file of this process's cgroup and of those around it, where they have one."""
    # Of version 2: "0::/system.slice/site.service"; within a container "0::/".
    paths = [line.removeprefix("0::/") for line in OWN_CGROUP.read_text().splitlines() if line.startswith("0::/")]
    for path in paths or [""]:
        folder = CGROUPS / path
        for place in [folder, *folder.parents]:
            if place.is_relative_to(CGROUPS) and (place / name).exists():
                yield (place / name).read_text().strip()


def cores() -> int:
    """Return how many cores there are for this process: those of the machine, or what it is limited to."""
    count = len(os.sched_getaffinity(0))
    for limit in limits("cpu.max"):
        quota, period = limit.split()
        if quota != "max":
            count = min(count, math.ceil(int(quota) / int(period)))
    return count


def memory() -> int:
    """Return how many bytes of memory there are for this process: those of the machine, or what it is limited to."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *(int(limit) for limit in limits("memory.max") if limit != "max")])


def site_processes(threads: int) -> int:
    """Return how many processes serve the site, each with so many threads and a connection to the database for each.

    It is one more than cores, which keeps every core busy while one of them waits or is being replaced.
    """
    return max(1, min(cores() + 1, memory() // PROCESS_MEMORY, CONNECTIONS // threads))


def process_size() -> int:
    """Return how many bytes of memory this process has, or 0 where the system does not say."""
    return int(OWN_MEMORY.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if OWN_MEMORY.exists() else 0


# >> if cookiecutter.use_celery
def worker_processes() -> int:
    """Return how many tasks a worker runs at a time, each in a process with a connection to the database."""
    return max(1, min(cores(), memory() // PROCESS_MEMORY, CONNECTIONS // 4))


# >> endif
def release_memory_when_freed() -> None:
    """Have this process, and those that it forks, give large pieces of memory back when they are freed."""
    library = ctypes.CDLL(None)
    # musl has no such setting, and gives them back anyway.
    if hasattr(library, "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD)
