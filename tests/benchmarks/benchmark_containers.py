"""Print how large the image is, how long it takes to build, and how long until the containers are ready.

Run as ``make benchmark``, with the default answers; the goal is an image of at most 130 MB above its base. Seconds are
those of this machine and its network; the base images are there already.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.benchmarking import docker_program, generate
from tests.conftest import Project
from tests.support.compose import BASE, LARGEST, Environment


def seconds(project: Project, *command: str) -> float:
    """Return how long a command takes."""
    start = time.perf_counter()
    project.run(*command)
    return time.perf_counter() - start


def main() -> None:
    """Generate, build, start, and print."""
    docker = docker_program()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = Environment(docker, generate(folder), folder / "clone", "slipway_benchmark")
        tag = f"{environment.name}:current"
        build = [docker, "build", "--target", "production", "--tag", tag, "."]
        print(f"build, nothing cached:          {seconds(environment, *build, '--no-cache'):6.1f} s")
        with (environment.path / "apps/core/views.py").open("a") as views:
            views.write("\n# A change.\n")
        print(f"build after a source change:    {seconds(environment, *build):6.1f} s")
        try:
            environment.configure()
            print(f"from up to ready, empty volumes: {seconds(environment, 'make', 'up-prod'):5.1f} s")
            environment.run("make", "down-prod")
            print(f"from up to ready, later:        {seconds(environment, 'make', 'up-prod'):6.1f} s")
            image, base = json.loads(environment.run(docker, "image", "inspect", tag, BASE).stdout)
        finally:
            environment.remove()
    above = image["Size"] - base["Size"]
    print(f"image:                          {above / 1e6:6.0f} MB above its base (goal: at most {LARGEST / 1e6:.0f})")
    if above > LARGEST:
        sys.exit("The image misses its goal.")


if __name__ == "__main__":
    main()
