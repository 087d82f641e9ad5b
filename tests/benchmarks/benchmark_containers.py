"""Print how large the image is, and how long it takes to build it, to start its containers, and to release a change.

Run as ``make benchmark``, with the default answers. The times depend on this machine and its network. The base
images are already present.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.benchmarking import docker_program, generate
from tests.conftest import Project
from tests.support.compose import BASE, LARGEST, Environment

REBUILD_LIMIT = 3
RELEASE_LIMIT = 15


def seconds(project: Project, *command: str) -> float:
    """Return how long a command takes."""
    start = time.perf_counter()
    project.run(*command)
    return time.perf_counter() - start


def edit(project: Project) -> None:
    """Change a module, but no requirement."""
    with (project.path / "apps/core/views.py").open("a") as views:
        views.write("\n# A change.\n")


def main() -> None:
    """Generate, build, start, release, and print; exit with status 1 if a goal is missed."""
    docker = docker_program()
    missed = []

    def show(title: str, value: float, unit: str, goal: float | None = None) -> None:
        print(f"{title:38}{value:7.1f} {unit}{f'  (goal: at most {goal:g})' if goal else ''}", flush=True)
        if goal and value > goal:
            missed.append(title)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = Environment(docker, generate(folder), folder / "clone", "slipway_benchmark")
        tag = f"{environment.name}:current"
        build = [docker, "build", "--target", "production", "--tag", tag, "."]
        show("build, nothing cached", seconds(environment, *build, "--no-cache"), "s")
        edit(environment)
        show("build after a source change", seconds(environment, *build), "s", REBUILD_LIMIT)
        try:
            environment.configure()
            show("from up to ready, empty volumes", seconds(environment, "make", "up-prod"), "s")
            environment.run("make", "down-prod")
            show("from up to ready, later", seconds(environment, "make", "up-prod"), "s")
            image, base = json.loads(environment.run(docker, "image", "inspect", tag, BASE).stdout)
            edit(environment)
            show("release without new requirements", seconds(environment, "make", "release-prod"), "s", RELEASE_LIMIT)
        finally:
            releases = [docker, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", environment.name]
            tags = set(environment.run(*releases).stdout.split()) - {tag}
            environment.remove()
            if tags:
                environment.run(docker, "image", "rm", *tags)
    show("image above its base", (image["Size"] - base["Size"]) / 1e6, "MB", LARGEST / 1e6)
    if missed:
        sys.exit(f"These goals are missed: {'; '.join(missed)}.")


if __name__ == "__main__":
    main()
