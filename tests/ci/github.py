"""What stands for a runner of GitHub: it takes the jobs out of a project's workflows, and runs their steps here.

It knows no more than these workflows use; what it does not know is an error.
"""

import contextlib
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.ci.runner import MACHINE, Containers, Result, clone, load
from tests.conftest import clean_environment, interpreter, tool
from tests.support.servers import wait_until

# The condition of a step that is run after a failure too.
ALSO_AFTER_A_FAILURE = "${{ !cancelled() }}"


class Expressions:
    """The values of ``${{ … }}`` in a workflow."""

    def __init__(self, context: dict[str, str]) -> None:
        self.context = context

    def fill(self, text: str) -> str:
        """Return ``text`` with the value of every expression in its place."""
        return re.sub(r"\$\{\{ (.+?) \}\}", lambda match: str(self.value(match[1])), text)

    def value(self, expression: str) -> Any:
        """Return the value of an expression of names, texts, ``==``, ``&&`` and ``||``; an unknown name is an error."""
        for alternative in expression.split(" || "):
            for condition in alternative.split(" && "):
                left, is_comparison, right = condition.partition(" == ")
                value = self.operand(left) == self.operand(right) if is_comparison else self.operand(left)
                if not value:
                    break
            if value:
                break
        return value

    def operand(self, text: str) -> str:
        """Return the value of a name or of a text in quotes."""
        return text[1:-1] if text.startswith("'") else self.context[text]


class GitHub:
    """A runner of GitHub, on this machine."""

    def __init__(self, docker: str, repository: Path, folder: Path) -> None:
        self.docker = docker
        self.repository = repository
        self.work = folder / "work"
        self.jobs: dict[str, Any] = load(repository / ".github/workflows/ci.yml")["jobs"]
        self.artifacts: set[str] = set()

    def run(self, name: str, **environment: str) -> Result:
        """Run the steps of a job on a fresh clone; ``environment`` is that of the machine.

        When one has failed, only those follow whose condition says so.
        """
        job = self.jobs[name]
        # A machine of GitHub's has no uv.
        own = str(Path(tool("uv")).parent)
        path = [name for name in os.environ["PATH"].split(":") if name != own and not (Path(name) / "uv").exists()]
        said = []
        status = 0
        with services(self.docker, job.get("services", {})) as context:
            expressions = Expressions(context)
            for step in job["steps"]:
                assert step.get("if", ALSO_AFTER_A_FAILURE) == ALSO_AFTER_A_FAILURE
                if status != 0 and "if" not in step:
                    continue
                if "uses" in step:
                    path = self.use(step) + path
                    continue
                variables = {name: expressions.fill(value) for name, value in step.get("env", {}).items()}
                answer = subprocess.run(
                    ["bash", "-e", "-c", step["run"]],
                    cwd=self.work,
                    env=clean_environment(CI="true", PATH=":".join(path), **MACHINE | environment | variables),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    check=False,
                )
                said.append(f"$ {step['run']}\n{answer.stdout}")
                status = status or answer.returncode
            return Result(status, "\n".join(said))

    def use(self, step: dict[str, Any]) -> list[str]:
        """Do what an action does; return the folders that it puts in front of PATH."""
        options = step.get("with", {})
        match step["uses"].split("@")[0]:
            case "actions/checkout":
                clone(self.repository, self.work, int(options.get("fetch-depth", 1)))
            case "actions/setup-python":
                return [str(interpreter((self.work / options["python-version-file"]).read_text().strip()).parent)]
            case "actions/upload-artifact":
                assert (self.work / options["path"]).stat().st_size > 0
                self.artifacts.add(options["path"])
            case other:
                raise AssertionError(f"The tests do not know the action {other}.")
        return []


@contextlib.contextmanager
def services(docker: str, wanted: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Start the services of a job of GitHub's; yield where their ports are, when all are healthy."""
    containers = Containers(docker)
    context = {}
    try:
        for name, service in wanted.items():
            options = shlex.split(service["options"])
            options += [word for variable in service.get("env", {}).items() for word in ("--env", "=".join(variable))]
            options += [word for port in service["ports"] for word in ("--publish", f"127.0.0.1::{port}")]
            container = containers.start(service["image"], *options)
            for port in service["ports"]:
                address = containers.run("port", container, str(port))
                context[f"job.services.{name}.ports['{port}']"] = address.rpartition(":")[2]

        def are_healthy() -> bool:
            return all(
                containers.run("inspect", "--format", "{{.State.Health.Status}}", container) == "healthy"
                for container in containers.names
            )

        wait_until(are_healthy, 60, "the services' health")
        yield context
    finally:
        containers.remove()
