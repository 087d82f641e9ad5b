"""Where ``make drift`` gets the template's command from, and what it says where it cannot."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools import drift
from tools.drift import RecordError, requirement


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the tool in a folder where ``uv`` is a program that says how it was called and ends with status 3."""
    (folder / "bin").mkdir()
    script = '#!/bin/sh\nprintf "%s\\n" "$@" "$DRIFT_COMMAND"\nexit 3\n'
    (folder / "bin" / "uv").write_text(script, encoding="utf-8")
    (folder / "bin" / "uv").chmod(0o755)
    command = [sys.executable, drift.__file__, *arguments]
    environment = {"PATH": str(folder / "bin")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("gh:org/template", "git+https://github.com/org/template.git"),
        ("gl:org/sub/template", "git+https://gitlab.com/org/sub/template.git"),
        ("bb:org/template", "git+https://bitbucket.org/org/template"),
        ("https://git.example.com/org/template.git", "git+https://git.example.com/org/template.git"),
        ("ssh://git@git.example.com:2222/org/template.git", "git+ssh://git@git.example.com:2222/org/template.git"),
        ("file:///srv/template.git", "git+file:///srv/template.git"),
        ("git+https://git.example.com/org/template.git", "git+https://git.example.com/org/template.git"),
        ("git@git.example.com:org/template.git", "git+ssh://git@git.example.com/org/template.git"),
        ("git@git.example.com:/srv/template.git", "git+ssh://git@git.example.com/srv/template.git"),
    ],
)
def test_an_address_becomes_what_pip_and_uv_install(address: str, expected: str) -> None:
    assert requirement(address) == expected


def test_a_path_becomes_one_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a b").mkdir()
    for address in ("a b", "~/a b", str(tmp_path / "a b")):
        # As a bare repository is.
        assert requirement(address) == f"git+file://{tmp_path}/a%20b"
    (tmp_path / "a b" / "pyproject.toml").touch()
    assert requirement("a b") == f"file://{tmp_path}/a%20b"


def test_a_path_where_nothing_is_must_be_corrected(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r'^The template /.*/gone is not there; correct "template" in '):
        requirement(str(tmp_path / "gone"))


def test_the_command_gets_the_arguments_and_its_status_is_the_one_that_counts(tmp_path: Path) -> None:
    (tmp_path / ".cookiecutter.json").write_text(json.dumps({"template": "https://git.example.com/template"}))
    result = run(tmp_path, "answers", "project_name=A B")
    called = ["tool", "run", "--from", "git+https://git.example.com/template", "drift", "answers", "project_name=A B"]
    # The command's messages name what can be typed in the project.
    called.append('make drift ARGS="{}"')
    assert (result.returncode, result.stdout.splitlines(), result.stderr) == (3, called, "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "Error: .cookiecutter.json is missing. Restore it from the last commit that had it.\n"),
        ("{", "Error: .cookiecutter.json is not JSON ("),
        ("[]", 'Error: .cookiecutter.json has no "template"; set it to the address of the template, such as a URL.\n'),
        ('{"template": null}', 'Error: .cookiecutter.json has no "template"; set it to'),
    ],
)
def test_a_record_that_does_not_say_it_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / ".cookiecutter.json").write_text(text, encoding="utf-8")
    result = run(tmp_path, "status")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(said)
    assert result.stderr.count("\n") == 1


def test_a_record_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".cookiecutter.json").mkdir()
    result = run(tmp_path, "status")
    said = "Error: .cookiecutter.json cannot be read (Is a directory). Make it a file that you may read.\n"
    assert (result.returncode, result.stderr) == (2, said)


def test_a_template_without_the_command_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".cookiecutter.json").write_text(json.dumps({"template": "https://git.example.com/template"}))
    # As pip leaves it after installing a package that has no such command.
    programs = tmp_path / ".venv/drift/bin"
    programs.mkdir(parents=True)
    for name in ("pip", "python"):
        (programs / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    environment = {"PATH": str(tmp_path)}
    command = [sys.executable, drift.__file__, "status"]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("Error: .venv/drift/bin/drift cannot be run: No such file or directory. ")
    assert result.stderr.count("\n") == 1
