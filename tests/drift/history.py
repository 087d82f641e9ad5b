"""A small template with a history, and projects of its versions."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import IDENTITY, ROOT, clean_environment, tool

ROOM = "{{cookiecutter.slug}}"
ODD = 'odd "name"\n é $(id) \udcff.txt'
FIRST = 1_767_225_600  # the second of the time of the first commit
NUMBERS = [f"line {number}" for number in range(1, 31)]


def run(folder: Path, *command: str | Path) -> str:
    """Run a command in a folder and return what it prints; fail, showing what it said, when it fails."""
    result = subprocess.run(command, cwd=folder, env=clean_environment(), capture_output=True, check=False)
    assert result.returncode == 0, (command, result.stdout, result.stderr)
    return os.fsdecode(result.stdout)


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it prints."""
    return run(folder, "git", *IDENTITY, *arguments).strip()


def commit_all(folder: Path, message: str = "Change") -> str:
    """Commit everything in a folder, which becomes a repository if it is none; return the commit."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    # A day after the one before: what goes by the time of commits must not depend on how fast they are made.
    before = git(folder, "log", "--all", "--max-count=1", "--format=%ct") or FIRST
    command = ["git", *IDENTITY, "commit", "--quiet", "--allow-empty", "--message", message]
    run(folder, "env", f"GIT_COMMITTER_DATE={int(before) + 24 * 60 * 60} +0000", *command)
    return git(folder, "rev-parse", "HEAD")


class Template:
    """A template's repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.room = folder / ROOM
        self.room.mkdir(parents=True)

    def questions(self, **changes: Any) -> None:
        """Change cookiecutter.json; None removes a key."""
        path = self.folder / "cookiecutter.json"
        found = json.loads(path.read_text()) if path.exists() else {}
        found |= changes
        path.write_text(json.dumps({name: value for name, value in found.items() if value is not None}, indent=4))

    def write(self, name: str, content: str | bytes, mode: int = 0o644) -> None:
        """Write a file of the generated project."""
        write(self.room / name, content, mode)

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace a text in a file of the generated project."""
        replace(self.room / name, old, new)

    def release(self, version: str) -> str:
        """Commit, tag and return a version."""
        self.questions(_version=version)
        commit = commit_all(self.folder, version)
        git(self.folder, "tag", f"v{version}")
        return commit

    def generate(self, output: Path, ref: str, **answers: Any) -> Path:
        """Generate a project from a version with plain cookiecutter, without a record."""
        clone = output / "clone"
        git(output, "clone", "--quiet", str(self.folder), str(clone))
        git(clone, "checkout", "--quiet", ref)
        given = [f"{name}={answer}" for name, answer in answers.items()]
        configuration = output / "configuration"
        configuration.write_text(json.dumps({"replay_dir": str(output), "cookiecutters_dir": str(output)}))
        options = ["--no-input", "--output-dir", str(output / "made"), "--config-file", str(configuration)]
        run(output, tool("cookiecutter"), *options, str(clone), *given)
        shutil.rmtree(clone)
        [project] = (output / "made").iterdir()
        return project


class Project:
    """A project that was generated from a template, committed, with a record."""

    def __init__(self, path: Path, template: Template, ref: str, answers: dict[str, Any]) -> None:
        self.path = path
        self.cache = path.parent / "cache"
        self.record(
            template=str(template.folder),
            commit=git(template.folder, "rev-parse", f"{ref}^{{commit}}"),
            version=ref.removeprefix("v"),
            answers=answers,
        )
        self.commit()

    def record(self, **changes: Any) -> dict[str, Any]:
        """Return the record, after changing it."""
        path = self.path / ".cookiecutter.json"
        found = json.loads(path.read_text()) if path.exists() else {}
        if changes:
            path.write_text(json.dumps(found | changes, indent=4) + "\n")
        return found | changes

    def commit(self) -> str:
        """Commit everything."""
        return commit_all(self.path)

    def drift(
        self, *arguments: str, status: int = 0, cwd: str = ".", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run drift in the project, and hold its exit status against ``status``."""
        variables = {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(self.cache), **environment}
        result = subprocess.run(
            [sys.executable, "-m", "drift", *arguments],
            cwd=self.path / cwd,
            env=clean_environment(**variables),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert result.returncode == status, f"{result.stdout}\n{result.stderr}"
        assert "Traceback" not in result.stderr
        return result

    def status(self, *arguments: str) -> dict[str, Any]:
        """Return what ``drift status --json`` says."""
        found: dict[str, Any] = json.loads(self.drift("status", "--json", *arguments).stdout)
        return found

    def changes(self, *arguments: str) -> dict[str, str]:
        """Return the kind of each change that is reported, by the file's path."""
        return {change["path"]: change["kind"] for change in self.status(*arguments)["changes"]}


def write(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)


def replace(path: Path, old: str, new: str) -> None:
    """Replace a text that is in a file once."""
    content = path.read_bytes()
    assert content.count(old.encode()) == 1, (path, old)
    path.write_bytes(content.replace(old.encode(), new.encode()))


def files(folder: Path) -> dict[str, tuple[str, bytes]]:
    """Return the kind and the content of each file of a project, but for its record and its repository."""
    found = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if name.split("/")[0] in (".git", ".cookiecutter.json"):
            continue
        if path.is_symlink():
            found[name] = ("link", os.fsencode(path.readlink()))
        elif path.is_file():
            found[name] = ("program" if path.stat().st_mode & 0o100 else "file", path.read_bytes())
    return found


def first_version(folder: Path) -> Template:
    """Make a template of every kind of file and question, 0.1.0."""
    template = Template(folder)
    template.questions(
        name="My Thing",
        slug="{{ cookiecutter.name|lower|replace(' ', '_') }}",
        owner="Ann Example",
        nickname="annie",
        color=["red", "green", "blue"],
        use_extra=True,
    )
    hooks = template.folder / "hooks"
    hooks.mkdir()
    (hooks / "post_gen_project.py").write_text(
        "import os\n"
        "os.symlink('edited.txt', 'link')\n"  # cookiecutter copies what a link leads to
        "if '{{ cookiecutter.use_extra }}' == 'False':\n"
        "    os.remove('extra.txt')\n"
        "if '{{ cookiecutter.color }}' == 'green' and '{{ cookiecutter.name }}' == 'Refused':\n"
        "    raise SystemExit('green is not for Refused')\n"
    )
    lines = "\n".join(NUMBERS) + "\n"
    template.write("README.md", "# {{ cookiecutter.name }}\n\nBy {{ cookiecutter.owner }}.\n" + lines)
    template.write("edited.txt", lines)
    template.write("left.txt", lines)
    template.write("extra.txt", "Extra, in {{ cookiecutter.color }}.\n" + lines)
    template.write("removed.txt", "to be removed\n" + lines)
    template.write("old_name.txt", "to be renamed\n" + lines)
    template.write("package/one.py", "ONE = 1\n" + "".join(f"A{number} = {number}\n" for number in range(20)))
    template.write("package/two.py", "TWO = 2\n" + "".join(f"B{number} = {number}\n" for number in range(20)))
    template.write("image.bin", bytes(range(256)))
    template.write("program.sh", "#!/bin/sh\necho 1\necho 2\necho 3\necho 4\n", 0o755)
    template.write("becomes_program.sh", "#!/bin/sh\necho 1\n")
    template.write("windows.bat", "echo one\r\necho two\r\necho three\r\necho four\r\n")
    template.write("empty", "")
    template.write(ODD, lines)
    template.write("{{ cookiecutter.slug }}.cfg", "[{{ cookiecutter.slug }}]\nname = {{ cookiecutter.name }}\n")
    # The delimiters of Jinja and of conflicts, as text.
    template.write(
        "delimiters.txt", "{% raw %}{{ x }} {% y %} << z >>\n<<<<<<< HEAD\n=======\n>>>>>>> other\n{% endraw %}" + lines
    )
    template.release("0.1.0")
    return template


def second_version(template: Template) -> str:
    """Change every kind of file and question: 0.2.0."""
    template.questions(
        owner=None,
        author="Ann Example",
        nickname=None,
        color=["red", "green"],
        shape=["round", "square"],
        has_corners=False,
        _drift={"renamed": {"owner": "author"}},
    )
    template.replace("README.md", "cookiecutter.owner", "cookiecutter.author")
    template.replace("README.md", "line 3\n", "line three\n")
    for name in ("edited.txt", ODD, "delimiters.txt"):
        template.replace(name, "line 3\n", "line three\n")
    template.write("added.txt", "{{ cookiecutter.shape }}\n")
    (template.room / "removed.txt").unlink()
    (template.room / "old_name.txt").rename(template.room / "new_name.txt")
    template.replace("new_name.txt", "line 3\n", "line three\n")
    (template.room / "package").rename(template.room / "library")
    template.replace("library/one.py", "A3 = 3", "A3 = 33")
    template.write("image.bin", bytes(range(255, -1, -1)))
    template.replace("program.sh", "echo 1", "echo one")
    (template.room / "becomes_program.sh").chmod(0o755)
    template.replace("windows.bat", "echo two", "echo 2")
    replace(template.folder / "hooks/post_gen_project.py", "'edited.txt', 'link'", "'left.txt', 'link'")
    return template.release("0.2.0")


def third_version(template: Template) -> str:
    """Change a little more: 0.3.0."""
    template.replace("edited.txt", "line 20\n", "line twenty\n")
    template.write("new_folder/deep/file.txt", "new\n")
    (template.room / "added.txt").unlink()
    return template.release("0.3.0")
