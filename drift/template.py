"""The template: where it is, its commits, and a checkout of one of them."""

import hashlib
import json
import os
import re
import shlex
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drift import caches, git, progress
from drift.addresses import without_credentials
from drift.commands import command
from drift.errors import DriftError


@dataclass(frozen=True)
class Version:
    """A commit of the template, the version that its cookiecutter.json says it is, and its day (YYYY-MM-DD)."""

    commit: str
    name: str | None
    date: str

    def __str__(self) -> str:
        return f"{self.name} ({self.commit[:8]})" if self.name else self.commit[:8]


class Template:
    """A template with a history: a git repository on this machine, or the copy of one that is elsewhere."""

    def __init__(self, address: str) -> None:
        """Find the template at ``address``: a path, a URL, or what cookiecutter abbreviates, such as gh:org/name.

        One that is elsewhere is fetched into the user's cache. ``unreachable`` is why that failed, when an earlier copy
        takes its place. Raises DriftError when there is none.
        """
        self.address = without_credentials(address)
        self.unreachable: str | None = None
        self._contexts: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        url = (address if os.path.isabs(address) else expanded(address)).removeprefix("git+")
        if "://" in url or re.match(r"[\w.-]+@[\w.-]+:", url):
            self.repository = self._fetched(url)
        else:
            self.repository = local(Path(url).expanduser())
            self.address = os.path.abspath(Path(url).expanduser())
        if not git.succeeds("rev-parse", "--verify", "--quiet", "HEAD^{commit}", folder=self.repository):
            raise DriftError(f"The template {address} has no commit. Commit its files.")

    def _fetched(self, url: str) -> Path:
        """Return a bare copy of the repository at ``url``, as new as can be had."""
        with caches.locked() as folder:
            copy = folder / hashlib.sha256(url.encode()).hexdigest()[:16]
            progress.say(f"Fetching {self.address}")
            asking = {} if progress.is_shown() else {"GIT_TERMINAL_PROMPT": "0"}
            try:
                if copy.exists():
                    heads = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
                    git.run("fetch", "--quiet", "--prune", url, *heads, folder=copy, **asking)
                    branch = re.search(r"ref: (\S+)\tHEAD", git.ask("ls-remote", "--symref", url, "HEAD", folder=copy))
                    if branch:
                        git.run("symbolic-ref", "HEAD", branch[1], folder=copy)
                else:
                    with tempfile.TemporaryDirectory(dir=folder) as new:
                        git.run("clone", "--quiet", "--bare", "--", url, "copy", folder=Path(new), **asking)
                        # It knows the URL, in which there may be a password.
                        git.run("config", "--remove-section", "remote.origin", folder=Path(new) / "copy")
                        (Path(new) / "copy").rename(copy)
            except DriftError as error:
                if not copy.exists():
                    why = str(error).replace(url, self.address)
                    raise DriftError(f"The template {self.address} cannot be fetched, and never was. {why}") from None
                when = time.strftime("%Y-%m-%d", time.localtime((copy / "FETCH_HEAD").stat().st_mtime))
                why = " ".join(str(error).replace(url, self.address).split())
                self.unreachable = f"{self.address} is unreachable. This is its copy of {when}. The reason: {why}"
            else:
                (copy / "FETCH_HEAD").touch()
        return copy

    def resolve(self, ref: str) -> str:
        """Return the commit that a tag, branch or commit names; raise DriftError when there is none."""
        for name in (ref, f"origin/{ref}"):
            found = git.run(
                *("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"),
                folder=self.repository,
                allowed=(0, 1, 128),
            )
            if found.returncode == 0:
                return os.fsdecode(found.stdout).strip()
        tags = git.ask("tag", "--sort=-version:refname", folder=self.repository).split()[:3]
        hint = f"such as {', '.join(tags)}" if tags else "or a commit"
        raise DriftError(f"The template has no {ref}. Name one of its tags or branches, {hint}.")

    def has(self, commit: str) -> bool:
        """Say whether the template has a commit."""
        return git.succeeds("cat-file", "-e", f"{commit}^{{commit}}", folder=self.repository)

    def require(self, commit: str) -> None:
        """Raise DriftError unless the template has a commit that a project records."""
        if self.has(commit):
            return
        lacks = f"The template {self.address} does not have the commit {commit[:8]} that this project records"
        link = f"To find the commit that fits best, run: {command('link')}"
        if self.unreachable:
            raise DriftError(f"{lacks}. {self.unreachable}")
        if git.ask("rev-parse", "--is-shallow-repository", folder=self.repository) == "true":
            raise DriftError(f"{lacks} (its clone is shallow; run git fetch --unshallow there). {link}")
        if git.ask("remote", folder=self.repository):
            how = "pull" if self._is_on_a_branch() else "fetch"
            raise DriftError(
                f"{lacks}: the clone may be behind. Bring it up to date: {self._git()} {how}. "
                f"If it does not have the commit then, its history was rewritten. {link}"
            )
        raise DriftError(f"{lacks} (its history was rewritten). {link}")

    def advance(self) -> str:
        """Return what to do about a template that is at an older commit than a project."""
        name = f"ame a version: {command('update --to REF')}"
        if not self._is_on_a_branch():
            return f"Check out its branch: {self._git()} switch BRANCH. Or n{name}"
        if git.ask("remote", folder=self.repository):
            return f"Bring it up to date: {self._git()} pull. Or n{name}"
        return f"N{name}"

    def _git(self) -> str:
        return f"git -C {shlex.quote(str(self.repository))}"

    def _is_on_a_branch(self) -> bool:
        return git.succeeds("symbolic-ref", "--quiet", "HEAD", folder=self.repository)

    def contains(self, commit: str, newer: str) -> bool:
        """Say whether ``commit`` is part of the history of ``newer``."""
        return git.succeeds("merge-base", "--is-ancestor", commit, newer, folder=self.repository)

    def count_between(self, commit: str, newer: str) -> int:
        """Return how many commits ``newer`` has that ``commit`` does not."""
        return int(git.ask("rev-list", "--count", f"{commit}..{newer}", folder=self.repository))

    def read(self, commit: str, path: str) -> str | None:
        """Return the text of a file at a commit, or None when it has no such file."""
        found = git.run("show", f"{commit}:{path}", folder=self.repository, allowed=(0, 128))
        return found.stdout.decode("utf-8", errors="replace") if found.returncode == 0 else None

    def context(self, commit: str) -> dict[str, Any]:
        """Return what cookiecutter.json says at a commit; raise DriftError when that is no template."""
        if commit not in self._contexts:
            self._contexts[commit] = parse(self.read(commit, "cookiecutter.json"), commit, self.address)
        return self._contexts[commit]

    def version(self, commit: str) -> Version:
        """Return what is told of a commit."""
        date = git.ask("show", "--no-patch", "--format=%cs", commit, folder=self.repository)
        name = self.context(commit).get("_version")
        return Version(commit, name if isinstance(name, str) else None, date)

    def checkout(self, commit: str, work: Path) -> Path:
        """Return a folder below ``work`` with the files of a commit, which is a clone of its own, made once."""
        folder = work / commit
        with self._lock:
            if not folder.exists():
                git.run("clone", "--quiet", "--shared", "--no-checkout", self.repository, folder, folder=work)
                git.run("-c", "advice.detachedHead=false", "checkout", "--quiet", commit, folder=folder)
        return folder


def expanded(address: str) -> str:
    """Return an address with abbreviations, such as gh:, of cookiecutter and of the user's configuration expanded."""
    # Their import takes as long as a comparison with a template on this machine, which needs neither.
    from cookiecutter.config import get_user_config
    from cookiecutter.exceptions import CookiecutterException
    from cookiecutter.repository import expand_abbreviations

    try:
        url: str = expand_abbreviations(address, get_user_config()["abbreviations"])
    except CookiecutterException as error:
        raise DriftError(f"cookiecutter's configuration cannot be read: {error}. Correct it.") from None
    return url


def parse(text: str | None, commit: str, address: str) -> dict[str, Any]:
    """Return what the cookiecutter.json of a commit says, from its text; raise DriftError when it is no template."""
    what = f"cookiecutter.json at commit {commit[:8]} of {address}"
    if text is None:
        raise DriftError(f"There is no {what}. Name a commit that is a template.")
    try:
        context = json.loads(text)
    except json.JSONDecodeError as error:
        raise DriftError(f"{what} is not JSON: {error}. Name another commit.") from None
    if not isinstance(context, dict):
        raise DriftError(f"{what} is not a JSON object. Name another commit.")
    return context


def local(path: Path) -> Path:
    """Return the path of a repository on this machine; raise DriftError when there is none of its own."""
    if not path.is_dir():
        why = "is a file, which has no versions" if path.exists() else "is not there"
        raise DriftError(
            f"The template {path} {why}; say where its repository is with --template, or in .cookiecutter.json."
        )
    is_repository = (path / ".git").exists() or (path / "HEAD").exists()
    if not is_repository or not git.succeeds("rev-parse", "--git-dir", folder=path):
        raise DriftError(f"The template {path} is not a git repository, so it has no versions. Clone it.")
    return path.resolve()
