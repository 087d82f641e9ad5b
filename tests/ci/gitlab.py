"""What stands for a runner of GitLab with the Docker executor: it takes the jobs out of a project's YAML and runs them.

Each runs in a container of its image, with its services beside it. It knows no more than this YAML uses.
"""

import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.ci.runner import MACHINE, Containers, Result, clone, load
from tests.conftest import clean_environment
from tests.support.servers import Authority, listens, wait_until

ENGINE = "/var/run/docker.sock"


class GitLab:
    """A runner of GitLab with its Docker executor."""

    def __init__(self, docker: str, repository: Path, folder: Path) -> None:
        self.docker = docker
        self.repository = repository
        self.builds = folder / "builds"
        self.work = self.builds / "group" / "project"
        self.certificates = folder / "certificates"
        self.pipeline = load(repository / ".gitlab-ci.yml")

    def names(self) -> list[str]:
        """Return the names of its jobs."""
        others = ("workflow", "stages", "variables", "default")
        return [name for name in self.pipeline if name not in others and not name.startswith(".")]

    def job(self, name: str) -> dict[str, Any]:
        """Return a job with what it inherits."""
        own = self.pipeline[name]
        job: dict[str, Any] = dict(self.pipeline["default"])
        extended = own.get("extends", [])
        for base in [extended] if isinstance(extended, str) else extended:
            job = merged(job, self.pipeline[base])
        job = merged(job, own)
        return job | {"variables": self.pipeline["variables"] | job.get("variables", {})}

    def run(self, name: str, **environment: str) -> Result:
        """Run a job on a fresh clone, in a container of its image beside its services."""
        job = self.job(name)
        clone(self.repository, self.work, int(job["variables"].get("GIT_DEPTH", "20")))
        containers = Containers(self.docker)
        network = f"slipway_{os.getpid()}_{time.monotonic_ns()}"
        containers.run("network", "create", network)
        # GitLab's runner clones as root, who the job's container is run as.
        builds = ["--volume", f"{self.builds}:{self.builds}"]
        own = ["run", "--rm", *builds, job["image"], "chown", "--recursive"]
        containers.run(*own, "0:0", str(self.builds))
        # As a runner's cache, which saves no check: pip compares hashes, and mypy contents.
        options = [*builds, "--volume", f"{Path.home()}/.cache/pip:/root/.cache/pip", "--workdir", str(self.work)]
        mypy = Path(clean_environment()["MYPY_CACHE_DIR"])
        mypy.mkdir(exist_ok=True)
        options += ["--volume", f"{mypy}:/root/.cache/mypy", "--env", "MYPY_CACHE_DIR=/root/.cache/mypy"]
        try:
            options += self.start_services(containers, network, job, environment)
            script = "\n".join([*job["before_script"], *job["script"]])
            answer = subprocess.run(
                [self.docker, "run", "--rm", *options, job["image"], "bash", "-eo", "pipefail", "-c", script],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            if answer.returncode == 0:
                for artifact in job.get("artifacts", {}).get("paths", []):
                    assert (self.work / artifact).stat().st_size > 0
            return Result(answer.returncode, answer.stdout)
        finally:
            containers.remove()
            containers.run("network", "rm", network)
            containers.run(*own, f"{os.getuid()}:{os.getgid()}", str(self.builds))

    def variables(self, job: dict[str, Any], environment: dict[str, str]) -> dict[str, str]:
        """Return the variables of a job: those of GitLab, of ``environment`` and its own, which may name the others."""
        places = {"CI_BUILDS_DIR": str(self.builds), "CI_PROJECT_DIR": str(self.work)}
        found = {"CI": "true", "GITLAB_CI": "true", **MACHINE, **places, **environment, **job["variables"]}
        return {name: re.sub(r"\$(\w+)", lambda match: found[match[1]], value) for name, value in found.items()}

    def start_services(
        self, containers: Containers, network: str, job: dict[str, Any], environment: dict[str, str]
    ) -> list[str]:
        """Start the services of a job on a network; return the options with which its container finds them."""
        variables = self.variables(job, environment)
        options = ["--network", network]
        options += [word for variable in variables.items() for word in ("--env", "=".join(variable))]
        hosts = []
        for image in job.get("services", []):
            alias = image.partition(":")[0]
            if alias == "docker":
                gateway = containers.gateway(network)
                hosts += ["--add-host", f"docker:{gateway}", *self.engine(containers, gateway, variables)]
            else:
                wait_for_ports(containers, containers.start(image, *options, "--network-alias", alias))
        return options + hosts

    def engine(self, containers: Containers, address: str, variables: dict[str, str]) -> list[str]:
        """Give a job the engine of this machine as the service docker:dind gives it one of its own.

        By TCP and TLS under the name docker, where the ports are that it publishes, and with the folder of builds in
        common. Return the options that the job's container needs for it.
        """
        assert variables["DOCKER_HOST"] == "tcp://docker:2376"
        assert variables["DOCKER_CERT_PATH"] == f"{variables['DOCKER_TLS_CERTDIR']}/client"
        self.certificates.mkdir()
        authority = Authority(self.certificates, "docker")
        authority.certificate.rename(self.certificates / "ca.pem")
        authority.server_certificate.rename(self.certificates / "cert.pem")
        authority.server_key.rename(self.certificates / "key.pem")
        image = containers.run("build", "--quiet", str(Path(__file__).parent / "engine"))
        volumes = ["--volume", f"{self.certificates}:/certs:ro", "--volume", f"{ENGINE}:{ENGINE}"]
        listen = f"OPENSSL-LISTEN:2376,bind={address},reuseaddr,fork,cafile=ca.pem,cert=cert.pem,key=key.pem"
        options = ["--network", "host", *volumes, "--workdir", "/certs"]
        containers.start(image, *options, command=[listen, f"UNIX-CONNECT:{ENGINE}"])
        wait_until(lambda: listens(2376, address), 60, "the engine's answer")
        return ["--volume", f"{self.certificates}:{variables['DOCKER_CERT_PATH']}:ro"]


def merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return what GitLab makes of a job that extends another: tables are merged, everything else is replaced."""
    both = {
        name: merged(base[name], value) if isinstance(value, dict) and name in base else value
        for name, value in own.items()
    }
    return base | both


def wait_for_ports(containers: Containers, container: str) -> None:
    """Return when a service takes connections at the ports that its image names, as GitLab's runner waits for it."""
    address = containers.run(
        "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", container
    )
    ports = containers.run(
        "inspect", "--format", "{{range $port, $_ := .Config.ExposedPorts}}{{$port}} {{end}}", container
    )
    for port in ports.split():
        wait_until(lambda port=port: listens(int(port.partition("/")[0]), address), 60, f"{container}'s answer")
