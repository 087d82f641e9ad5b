"""What the scorer of Mozilla's HTTP Observatory says of a deployed site's pages.

A test module inherits from ObservatoryChecks, and has two fixtures: ``server``, the machine, and ``deployment``.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project
from tests.deploy.site_checks import Deployment
from tests.support.machine import Machine
from tests.support.servers import find, wait_until

# What each page has. The scorer knows of two more, five points each: being on the list of domains that browsers have
# built in, and scripts with a hash, which a page without scripts cannot have.
PARTS = {
    "csp-implemented-with-no-unsafe-default-src-none": 10,
    "referrer-policy-private": 5,
    "x-frame-options-implemented-via-csp": 5,
    "corp-implemented-with-same-origin": 10,
}
COOKIES = {"cookies-secure-with-httponly-sessions-and-samesite": 5}
# Each with its status, and what it has besides.
PAGES: dict[str, tuple[int, dict[str, int]]] = {
    "/": (200, {}),
    "/admin/login/": (200, COOKIES),
    "/nowhere/": (404, {}),
    "/accounts/login/": (200, COOKIES),
    "/health/": (200, {}),
    "/api/v1/users/": (401, {}),
}


class ObservatoryChecks:
    """The pages of the site, which holds browsers to HTTPS for a year."""

    @pytest.fixture(scope="class")
    @classmethod
    def score(cls, server: Machine, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[dict[str, Any]]]:
        """Return the scorer: of paths it tells the score, the grade and what they come from."""
        folder = tmp_path_factory.mktemp("observatory")
        for path in (Path(__file__).parent / "observatory").iterdir():
            shutil.copy(path, folder)
        Project(folder).run(find("npm", "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        inspect = [server.docker, "inspect", "--format", form, server.container]
        address = subprocess.run(inspect, capture_output=True, text=True, check=True).stdout.strip()

        def score_of(*paths: str) -> list[dict[str, Any]]:
            command = [find("node", "nodejs"), "score.js", address, "example.com", *paths]
            said = Project(folder).run(*command, NODE_EXTRA_CA_CERTS=str(server.authority)).stdout
            return [json.loads(line) for line in said.splitlines()]

        return score_of

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def year(cls, server: Machine, deployment: Deployment) -> Iterator[None]:
        """Set SECURE_HSTS_SECONDS to a year meanwhile."""
        server.run(f"echo SECURE_HSTS_SECONDS=31536000 >>{deployment.settings}; {deployment.stop}; {deployment.start}")
        wait_until(lambda: server.get("/").status == 200, 60, "the site's return")
        yield
        server.run(f"sed -i '$d' {deployment.settings}; {deployment.stop}; {deployment.start}")
        wait_until(lambda: server.get("/").status == 200, 60, "the site's return")

    def test_the_pages_have_all_that_they_can_have(self, score: Callable[..., list[dict[str, Any]]]) -> None:
        assert {page["path"]: (page["status"], page["parts"]) for page in score(*PAGES)} == {
            path: (status, PARTS | more) for path, (status, more) in PAGES.items()
        }

    def test_the_grade_is_the_best(self, score: Callable[..., list[dict[str, Any]]]) -> None:
        assert {(page["grade"], page["score"]) for page in score("/")} == {("A+", 130)}
        assert {(page["grade"], page["score"]) for page in score("/admin/login/")} == {("A+", 135)}
