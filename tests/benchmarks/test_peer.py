"""How the benchmark gets the peer: from a repository once, and from its cache later."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.benchmarks.peer import FOLDER, VERSION, copy_peer
from tests.conftest import IDENTITY

LOCK = """version = 1
requires-python = "==3.13.*"

[[package]]
name = "peer"
version = "0.1.0"
source = { virtual = "." }
"""
FILES = {
    "cookiecutter.json": json.dumps({"project_slug": "other", "rest_api": ["None", "DRF"], "use_celery": "n"}),
    f"{FOLDER}/.python-version": "3.14\n",
    f"{FOLDER}/pyproject.toml": '[project]\nname = "peer"\nversion = "0.1.0"\nrequires-python = "==3.14.*"\n',
    f"{FOLDER}/uv.lock": LOCK,
    f"{FOLDER}/config/api_router.py": "router = {{ cookiecutter.rest_api }}(celery='{{ cookiecutter.use_celery }}')\n",
}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a small template, tagged with the peer's version; the cache is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # The benchmark gives answers that only the real template asks for.
    monkeypatch.setattr("tests.benchmarks.peer.ANSWERS", {"project_slug": "peer", "rest_api": "DRF", "use_celery": "y"})
    folder = tmp_path / "repository"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "One"], ["tag", VERSION]):
        subprocess.run(["git", *IDENTITY, *command], cwd=folder, check=True)
    return folder


def test_the_peer_is_generated_once_for_debians_python(repository: Path, tmp_path: Path) -> None:
    first = copy_peer(f"file://{repository}", tmp_path / "first")
    assert 'requires-python = "==3.13.*"' in (first / "pyproject.toml").read_text()
    assert (first / ".python-version").read_text() == "3.13\n"
    assert (first / "requirements.txt").exists()
    router = (first / "config/api_router.py").read_text()
    assert router.startswith("router = DRF(celery='y')\n")
    assert router.count("class BenchmarkViewSet") == 1
    # The cache needs no repository, and is not what was changed.
    second = copy_peer("file:///nowhere", tmp_path / "second")
    assert (second / "config/api_router.py").read_text() == router


def test_a_repository_without_the_version_ends_with_one_error(repository: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "tag", "--delete", VERSION], cwd=repository, check=True, capture_output=True)
    with pytest.raises(SystemExit) as end:
        copy_peer(f"file://{repository}", tmp_path / "peer")
    assert str(end.value).startswith("Error: git clone")
    assert f"Remote branch {VERSION} not found" in str(end.value)
    assert [*(tmp_path / "cache/slipway-benchmark").iterdir()] == []
