"""How generating behaves: the same every time, recorded, and all or nothing."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drift.addresses import without_credentials
from tests.conftest import ROOT, TEMPLATE, Project, clean_environment, tool
from tests.drift.history import commit_all, git
from tests.support import trees
from tests.support.combinations import ALL_OFF
from tests.support.git_server import PASSWORD, git_server, with_password


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return the bytes and the mode of every file below a folder."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A copy of the template that a test may change; no git checkout."""
    copy = tmp_path / "template"
    copy.mkdir()
    for path in (ROOT / "cookiecutter.json", *ROOT.glob("local_*.py")):
        shutil.copy(path, copy)
    for folder in (ROOT / "hooks", ROOT / "drift", TEMPLATE):
        shutil.copytree(folder, copy / folder.name)
    return copy


def test_the_same_answers_give_the_same_bytes(tmp_path: Path, template: Path) -> None:
    circumstances = [
        {"HOME": str(tmp_path / "a"), "TZ": "UTC", "LANG": "C.UTF-8", "PYTHONHASHSEED": "1"},
        {"HOME": str(tmp_path / "b"), "TZ": "Asia/Tokyo", "LANG": "C", "PYTHONHASHSEED": "2", "USER": "somebody"},
    ]
    for number, environment in enumerate(circumstances):
        output = tmp_path / f"output{number}"
        output.mkdir()
        command = [tool("cookiecutter"), str(template), "--no-input", "media_storage=s3", "project_name=Größe"]
        subprocess.run(command, cwd=output, env=clean_environment(**environment), check=True)
    assert contents(tmp_path / "output0") == contents(tmp_path / "output1")


class TestRecord:
    def record(self, folder: Path) -> dict[str, Any]:
        result: dict[str, Any] = json.loads((folder / "my_project" / ".cookiecutter.json").read_text())
        return result

    def test_a_template_that_is_no_checkout_has_no_commit(
        self, generate: Callable[..., Any], tmp_path: Path, template: Path
    ) -> None:
        assert generate("--no-input", template=template, use_celery=False).returncode == 0
        record = self.record(tmp_path)
        assert record["commit"] is None
        assert record["template"] == str(template)
        assert record["version"] == json.loads((ROOT / "cookiecutter.json").read_text())["_version"]
        assert record["answers"]["use_celery"] is False
        assert record["answers"]["domain_name"] == "example.com"
        assert not any(name.startswith("_") for name in record["answers"])

    def test_the_commit_of_a_checkout_is_recorded(
        self, generate: Callable[..., Any], tmp_path: Path, template: Path
    ) -> None:
        commit = commit_all(template)
        assert generate("--no-input", template=template).returncode == 0
        assert self.record(tmp_path)["commit"] == commit
        # From a folder below, by a relative path, and from within a git hook, which sets variables.
        work = tmp_path / "work"
        work.mkdir()
        git(work, "init", "--quiet")
        os.environ["GIT_DIR"] = str(work / ".git")
        try:
            assert generate("--no-input", template="../template", cwd=work).returncode == 0
        finally:
            del os.environ["GIT_DIR"]
        assert self.record(work)["commit"] == commit
        assert self.record(work)["template"] == str(template)

    def test_uncommitted_changes_are_recorded_and_shown(
        self, generate: Callable[..., Any], tmp_path: Path, template: Path
    ) -> None:
        commit = commit_all(template)
        (template / "build").mkdir()
        (template / "build" / "other").touch()  # no part of a project
        assert generate("--no-input", template=template).stderr == ""
        assert "uncommitted" not in self.record(tmp_path)
        shutil.rmtree(tmp_path / "my_project")
        (template / TEMPLATE.name / "own.txt").touch()
        (template / TEMPLATE.name / "manage.py").write_text("")
        result = generate("--no-input", template=template)
        names = f"{TEMPLATE.name}/manage.py, {TEMPLATE.name}/own.txt"
        assert f"Warning: the template has uncommitted changes: {names}." in result.stderr
        assert (self.record(tmp_path)["commit"], self.record(tmp_path)["uncommitted"]) == (commit, True)
        project = tmp_path / "my_project"
        commit_all(project)
        status = [sys.executable, "-m", "drift", "status"]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        shown = subprocess.run(status, cwd=project, env=environment, capture_output=True, text=True, check=True)
        assert "was generated from a template with uncommitted changes" in shown.stdout

    def test_an_ignored_checkout_is_reported(
        self, generate: Callable[..., Any], tmp_path: Path, template: Path
    ) -> None:
        commit_all(template)
        git(template, "tag", "v1")
        (template / TEMPLATE.name / "own.txt").touch()
        newest = commit_all(template)
        result = generate("--no-input", "--checkout", "v1", template=template)
        assert result.returncode == 0
        assert (
            f"Warning: --checkout v1 has no effect on a template that is a folder. The project is generated from "
            f"its commit {newest[:8]}." in result.stderr
        )
        [url] = re.findall(r"use the template (\S+)\n", result.stderr)
        for answers, name in (({"template": template}, newest), ({"template": url}, "v1")):
            shutil.rmtree(tmp_path / "my_project")
            result = generate("--no-input", "--checkout", name, **answers)
            assert (result.returncode, "Warning" in result.stderr) == (0, False), result.stderr + result.stdout
        assert not (tmp_path / "my_project" / "own.txt").exists()

    def test_a_template_given_by_url_is_recorded_by_it(
        self, generate: Callable[..., Any], tmp_path: Path, template: Path
    ) -> None:
        commit = commit_all(template)
        git(tmp_path, "clone", "--quiet", "--bare", str(template), "slipway.git")
        url = f"file://{tmp_path}/slipway.git"
        result = generate("--no-input", template=url)
        assert result.returncode == 0, result.stderr
        assert self.record(tmp_path)["template"] == url
        assert self.record(tmp_path)["commit"] == commit

    def test_a_password_in_a_url_is_not_recorded(
        self, generate: Callable[..., Any], tmp_path: Path, template: Path
    ) -> None:
        commit = commit_all(template)
        git(tmp_path, "clone", "--quiet", "--bare", str(template), "served/slipway.git")
        git(tmp_path / "served/slipway.git", "update-server-info")
        with git_server(tmp_path / "served") as url:
            result = generate("--no-input", template=with_password(f"{url}/slipway.git"))
        assert result.returncode == 0, result.stderr
        assert self.record(tmp_path)["template"] == f"{url}/slipway.git"
        assert self.record(tmp_path)["commit"] == commit
        project = tmp_path / "my_project"
        assert not [path for path in project.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]

    @pytest.mark.parametrize(
        ("address", "public"),
        [
            ("ssh://git:secret@example.com:22/slipway.git", "ssh://git@example.com:22/slipway.git"),
            ("https://ann:sec@ret@example.com/slipway.git", "https://example.com/slipway.git"),
            ("https://token@example.com/a@b.git", "https://example.com/a@b.git"),
            ("git+https://ann:secret@example.com/slipway.git", "git+https://example.com/slipway.git"),
            ("HTTPS://ann:secret@example.com/slipway.git", "HTTPS://example.com/slipway.git"),
            ("https://example.com/@scope/slipway.git", "https://example.com/@scope/slipway.git"),
            ("git@example.com:slipway.git", "git@example.com:slipway.git"),
            ("gh:org/slipway", "gh:org/slipway"),
        ],
    )
    def test_a_public_address_has_no_password(self, address: str, public: str) -> None:
        assert without_credentials(address) == public

    def test_a_password_in_an_ssh_url_is_not_recorded(
        self, generate: Callable[..., Any], tmp_path: Path, template: Path
    ) -> None:
        commit_all(template)
        git(tmp_path, "clone", "--quiet", "--bare", str(template), "slipway.git")
        (tmp_path / "ssh").write_text('#!/bin/sh\nshift\nexec sh -c "$*"\n')  # the host is this machine
        (tmp_path / "ssh").chmod(0o755)
        environment = {"GIT_SSH": str(tmp_path / "ssh"), "GIT_SSH_VARIANT": "simple"}
        address = f"ssh://git:{PASSWORD}@example.com{tmp_path}/slipway.git"
        result = generate("--no-input", template=address, environment=environment)
        assert result.returncode == 0, result.stderr
        assert self.record(tmp_path)["template"] == f"ssh://git@example.com{tmp_path}/slipway.git"

    def test_a_path_is_recorded_as_it_is_in_any_locale(
        self, generate: Callable[..., Any], tmp_path: Path, template: Path
    ) -> None:
        template = template.rename(tmp_path / "größe")
        (tmp_path / "码头").mkdir()
        environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        result = generate("--no-input", template=template, cwd=tmp_path / "码头", environment=environment)
        assert result.returncode == 0, result.stderr
        assert self.record(tmp_path / "码头")["template"] == str(template)

    def test_a_template_inside_another_checkout_has_no_commit(
        self, generate: Callable[..., Any], tmp_path: Path, template: Path
    ) -> None:
        git(tmp_path, "init", "--quiet")
        assert generate("--no-input", template=template).returncode == 0
        assert self.record(tmp_path)["commit"] is None


def test_a_replay_uses_the_templates_own_settings(generate: Callable[..., Any], tmp_path: Path, template: Path) -> None:
    """The file is of a version that knew fewer features and left the answers of a question out."""
    assert generate("--no-input", template=template, **ALL_OFF).returncode == 0
    before = contents(tmp_path / "my_project")
    shutil.rmtree(tmp_path / "my_project")
    file = tmp_path / "replay" / "template.json"
    replay = json.loads(file.read_text())
    replay["cookiecutter"] |= {"_version": "0.0.1", "_features": {"use_api": {"True": ["apps/api"]}}}
    file.write_text(json.dumps(replay))
    result = generate("--replay", template=template)
    assert result.returncode == 0, result.stderr
    assert contents(tmp_path / "my_project") == before


class TestWindows:
    """Each program ends with one sentence. Python is made to report Windows, and to lack fcntl."""

    # What Python knows of its own build, it looks up while it still reports this system.
    WINDOWS = (
        "import runpy, sys, sysconfig; sysconfig.get_config_vars(); "
        "sys.platform = 'win32'; sys.modules['fcntl'] = None; "
    )

    def run(self, code: str, folder: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code]
        environment = clean_environment(PYTHONPATH=str(ROOT), HOME=str(folder))
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    def test_cookiecutter(self, tmp_path: Path) -> None:
        code = f"from cookiecutter.cli import main; {self.WINDOWS} main([{str(ROOT)!r}, '--no-input'])"
        result = self.run(code, tmp_path)
        sentence = "Slipway does not run on Windows itself. Run cookiecutter in WSL, the Windows Subsystem for Linux.\n"
        assert (result.returncode, result.stderr) == (1, sentence)
        assert not (tmp_path / "my_project").exists()

    def test_drift(self, tmp_path: Path) -> None:
        result = self.run(f"{self.WINDOWS} runpy.run_module('drift', run_name='__main__')", tmp_path)
        sentence = "Error: drift does not run on Windows itself. Run it in WSL.\n"
        assert (result.returncode, result.stderr) == (2, sentence)

    def test_project(self, bake: Callable[..., Project]) -> None:
        result = self.run(f"{self.WINDOWS} sys.path.insert(0, ''); import ops.backups.files", bake().path)
        assert result.returncode == 1
        assert result.stderr.startswith("Error: this project does not run on Windows itself. Run it in WSL")


class TestExistingFolder:
    """Options that let cookiecutter write into a folder that is there lose nothing in it."""

    # In folders of features that are off, and one where the template has a file itself.
    OWN = (".github/workflows/own.yml", "deploy/fly.toml", "nginx/ssl/privkey.pem", "apps/api/own.py", "notes/own.md")

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for name in self.OWN:
            (tmp_path / "my_project" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "my_project" / name).write_text("mine")
        return tmp_path / "my_project"

    @pytest.mark.parametrize("options", [["-f"], ["-f", "-s"]], ids=" ".join)
    def test_files_of_the_user_stay(self, generate: Callable[..., Any], folder: Path, options: list[str]) -> None:
        result = generate("--no-input", *options, **ALL_OFF)
        assert result.returncode == 0, result.stderr
        files = Project(folder).files()
        assert set(self.OWN) <= set(files)
        assert all((folder / name).read_text() == "mine" for name in self.OWN)
        assert sorted(set(files) - set(self.OWN)) == trees.read("all-off")

    @pytest.mark.parametrize(
        ("options", "name", "sentence"),
        [
            (["-f"], "config/celery.py", "config/celery.py belongs to a feature that is not selected"),
            (["-f", "-s"], "config/celery.py", "config/celery.py belongs to a feature that is not selected"),
            (["-f", "-s"], "pyproject.toml", "pyproject.toml would be changed"),
            (["-f", "-s"], "requirements/test.txt", "requirements/test.txt would be changed"),
            (["-f"], "config", "config is a file where the template has a folder"),
            (["-f"], "manage.py/own", "manage.py is a folder where the template has a file"),
        ],
    )
    def test_files_that_would_be_lost_are_refused(
        self, generate: Callable[..., Any], folder: Path, options: list[str], name: str, sentence: str
    ) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("mine")
        before = contents(folder)
        result = generate("--no-input", *options, **ALL_OFF)
        assert result.returncode == 1
        assert sentence in result.stderr
        assert "Traceback" not in result.stderr
        assert contents(folder) == before

    def test_a_symbolic_link_is_refused(self, generate: Callable[..., Any], folder: Path, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (folder / "tests").symlink_to(tmp_path / "elsewhere")
        result = generate("--no-input", "-f")
        assert result.returncode == 1
        assert "tests is a symbolic link" in result.stderr
        assert list((tmp_path / "elsewhere").iterdir()) == []

    @pytest.mark.parametrize("options", [["-f"], ["-f", "-s"]], ids=" ".join)
    def test_a_project_with_a_record_is_refused(
        self, generate: Callable[..., Any], tmp_path: Path, options: list[str]
    ) -> None:
        assert generate("--no-input").returncode == 0
        before = contents(tmp_path / "my_project")
        result = generate("--no-input", *options, use_celery=False)
        assert result.returncode == 1
        assert "run there: make drift ARGS=update" in result.stderr
        assert contents(tmp_path / "my_project") == before


class TestFailure:
    """A generation that fails or is interrupted leaves nothing behind."""

    def test_missing_path_of_a_feature_is_an_error(
        self, generate: Callable[..., Any], tmp_path: Path, template: Path
    ) -> None:
        questions = json.loads((template / "cookiecutter.json").read_text())
        questions["_features"]["use_celery"]["True"].append("apps/nowhere.py")
        (template / "cookiecutter.json").write_text(json.dumps(questions))
        result = generate("--no-input", template=template, use_celery=False)
        assert result.returncode == 1
        assert "_features in cookiecutter.json: the template has no apps/nowhere.py. Correct the path." in result.stderr
        assert not (tmp_path / "my_project").exists()

    def test_a_mistake_in_a_file_of_the_template(
        self, generate: Callable[..., Any], tmp_path: Path, template: Path
    ) -> None:
        (template / TEMPLATE.name / "templates" / "home.html").write_text("<< cookiecutter.nowhere >>")
        assert generate("--no-input", template=template).returncode == 1
        assert not (tmp_path / "my_project").exists()

    def test_a_write_error(self, tmp_path: Path, template: Path) -> None:
        # A limit of the size of a file gives the same error as a full disk, in the midst of a file.
        program = (
            "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)); "
            "os.execv(sys.argv[1], sys.argv[1:])"
        )
        command = [tool("cookiecutter"), str(template), "--no-input"]
        result = subprocess.run(
            [sys.executable, "-c", program, *command],
            cwd=tmp_path,
            env=clean_environment(HOME=str(tmp_path)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 1
        assert result.stderr == "The project cannot be generated: [Errno 27] File too large.\n"
        assert not (tmp_path / "my_project").exists()

    def test_a_git_that_cannot_be_run(self, generate: Callable[..., Any], tmp_path: Path, template: Path) -> None:
        commit_all(template)
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "git").write_text("not a program")
        result = generate("--no-input", template=template, environment={"PATH": str(tmp_path / "bin")})
        assert result.returncode == 1
        assert "git, which records the commit of the template, cannot be run: [Errno 13]" in result.stderr
        assert "Traceback" not in result.stderr
        assert not (tmp_path / "my_project").exists()

    @pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=["INT", "TERM", "HUP"])
    @pytest.mark.parametrize("moment", ["pre_gen_project", "rendering", "post_gen_project"])
    @pytest.mark.parametrize("to_all", [True, False], ids=["terminal", "cookiecutter alone"])
    def test_an_interruption(
        self, tmp_path: Path, template: Path, sent: signal.Signals, moment: str, to_all: bool
    ) -> None:
        started = tmp_path / "started"
        if moment == "rendering":
            # A template that takes long to render and says that it has begun.
            folder = template / TEMPLATE.name
            (folder / "zzz.txt").write_text("<<% for a in range(9**8) %>><<% endfor %>>")
            started = tmp_path / "my_project" / "README.md"
        else:
            hook = template / "hooks" / f"{moment}.py"
            wait = f"import pathlib, time\npathlib.Path({str(started)!r}).touch()\ntime.sleep(60)\n"
            hook.write_text(wait + hook.read_text())
        process = subprocess.Popen(
            [tool("cookiecutter"), str(template), "--no-input"],
            cwd=tmp_path,
            env=clean_environment(HOME=str(tmp_path)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while not started.exists():
            assert process.poll() is None
            time.sleep(0.01)
        (os.killpg if to_all else os.kill)(process.pid, sent)
        assert process.wait(timeout=20) != 0
        assert not (tmp_path / "my_project").exists()

    def test_an_interruption_leaves_a_folder_that_was_there_before(self, tmp_path: Path, template: Path) -> None:
        started = tmp_path / "started"
        hook = template / "hooks" / "pre_gen_project.py"
        hook.write_text(f"import pathlib, time\npathlib.Path({str(started)!r}).touch()\ntime.sleep(60)\n")
        (tmp_path / "my_project").mkdir()
        (tmp_path / "my_project" / "mine").touch()
        process = subprocess.Popen(
            [tool("cookiecutter"), str(template), "--no-input", "--overwrite-if-exists"],
            cwd=tmp_path,
            env=clean_environment(HOME=str(tmp_path)),
            stderr=subprocess.DEVNULL,
        )
        while not started.exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) != 0
        assert (tmp_path / "my_project" / "mine").exists()
