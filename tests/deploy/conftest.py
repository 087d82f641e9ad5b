"""What the tests of deployments share."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def project(source: Path, tmp_path: Path) -> Path:
    """A copy of the project that is deployed, to be changed for one release."""
    shutil.copytree(source, tmp_path / "project")
    return tmp_path / "project"
