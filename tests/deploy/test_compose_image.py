"""The image that a release is: pushed to a registry by the steps of continuous integration, on a Debian machine."""

import base64
import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ci.github import Expressions, GitHub
from tests.ci.gitlab import GitLab
from tests.conftest import Project
from tests.support.combinations import ALL_OFF
from tests.support.compose import BASE, GUIDE, share_wheels
from tests.support.documents import sections
from tests.support.machine import Machine, machine

pytestmark = pytest.mark.timeout(900)

SCANNER = "docker/buildkit-syft-scanner:stable-1"
REGISTRIES = ["ghcr.io", "registry.example.com"]
# Docker keeps attestations in its newer image store alone.
ENGINE = {"features": {"containerd-snapshotter": True}}
REGISTRY = {
    "version": "0.1",
    "storage": {"filesystem": {"rootdirectory": "/var/lib/docker-registry"}},
    "http": {"addr": ":443", "tls": {"certificate": "/authority.pem", "key": "/authority.key"}},
    "auth": {"htpasswd": {"realm": "registry", "path": "/etc/docker/registry/users"}},
}
# It is trusted, as the world trusts a real one.
CERTIFICATE = f"""
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=registry \\
    -addext subjectAltName={",".join(f"DNS:{name}" for name in REGISTRIES)} -keyout /authority.key -out /authority.pem
cat /authority.pem >>/etc/ssl/certs/ca-certificates.crt
"""
INSTALL = """
export DEBIAN_FRONTEND=noninteractive
apt-get install --yes --no-install-recommends --option Dpkg::Options::=--force-confold apache2-utils docker-registry
htpasswd -cbB /etc/docker/registry/users ann secret
mkdir /etc/systemd/system/docker-registry.service.d
printf '[Service]\\nUser=root\\n' >/etc/systemd/system/docker-registry.service.d/user.conf
systemctl daemon-reload
systemctl restart docker-registry
"""
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Registry:
    """A machine that is a registry by several names, and has a clone of a project."""

    def __init__(self, running: Machine) -> None:
        self.machine = running

    def ask(self, path: str, accept: str = "*/*") -> Any:
        """Return the registry's answer, which is JSON."""
        user = base64.b64encode(b"ann:secret").decode()
        headers = {"Authorization": f"Basic {user}", "Accept": accept}
        response = self.machine.get(f"/v2/{path}", host="ghcr.io", headers=headers)
        body = json.loads(response.read())
        assert response.status == 200, body
        return body

    def tags(self, name: str) -> set[str]:
        """Return the tags of an image."""
        return set(self.ask(f"{name}/tags/list")["tags"])

    def say(self, script: str) -> str:
        """Return what a shell script prints in the clone."""
        return self.machine.say(f"cd /root/clone\n{script}")

    def push(self, script: str, **environment: str) -> None:
        """Run a step of a job in the clone."""
        exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
        self.machine.run(f"cd /root/clone\n{exports}bash -e -c {shlex.quote(script)}", timeout=600)

    def refuse(self, command: str) -> str:
        """Return the sentence with which a command in the clone fails."""
        result = self.machine.run(f"cd /root/clone\n{command}", check=False)
        assert result.returncode != 0
        return str(result.stderr)


def lean(provider: str) -> dict[str, Any]:
    """Return the answers with nothing but containers and a provider."""
    return ALL_OFF | {"deployment": "docker", "ci_provider": provider}


@pytest.fixture(scope="module")
def registry(bake: Callable[..., Project], docker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    project = bake(**lean("github"))
    scanner = Path(__file__).parent / "scanner"
    subprocess.run([docker, "build", "--quiet", "--tag", SCANNER, scanner], check=True, capture_output=True)
    with machine(docker, tmp_path_factory.mktemp("machine"), ("example.com", *REGISTRIES)) as running:
        running.push(project.path)
        for path, content in (("/etc/docker/daemon.json", ENGINE), ("/etc/docker/registry/config.yml", REGISTRY)):
            running.run(f"mkdir -p $(dirname {path}); printf %s {shlex.quote(json.dumps(content))} >{path}")
        running.run(CERTIFICATE)
        subprocess.run([docker, "cp", f"{running.container}:/authority.pem", running.authority], check=True)
        running.follow(sections(project.path / GUIDE), "1. Install Docker")
        running.run(INSTALL)
        running.give_images(BASE, "postgres:18-trixie", SCANNER)
        share_wheels(running, BASE)
        running.run("git clone --quiet /var/lib/git/my_project.git /root/clone")
        # A release, and one that is not finished and newer.
        running.run("cd /root/clone; git tag v0.1.0; git tag v0.1.1-rc.1")
        yield Registry(running)


def push_from_github(registry: Registry, project: Project, docker: str, **context: str) -> None:
    """Run the steps of the job that pushes the image for a push of a branch or a tag."""
    known = {"github.actor": "ann", "github.token": "secret", "github.repository": "Org/My_Project"}
    expressions = Expressions(known | {f"github.{name}": value for name, value in context.items()})
    for step in GitHub(docker, project.path, Path()).jobs["push-image"]["steps"]:
        if "run" in step:
            variables = {name: expressions.fill(value) for name, value in step["env"].items()}
            registry.push(step["run"], **variables)


def test_a_commit_of_main_is_pushed(registry: Registry, bake: Callable[..., Project], docker: str) -> None:
    push_from_github(registry, bake(**lean("github")), docker, ref_type="branch", ref_name="main")
    commit = registry.say("git rev-parse HEAD")
    assert registry.tags("org/my_project") == {f"sha-{commit[:12]}"}
    manifest = registry.ask(f"org/my_project/manifests/sha-{commit[:12]}", f"{INDEX}, {MANIFEST}")
    if "manifests" in manifest:
        manifest = registry.ask(f"org/my_project/manifests/{manifest['manifests'][0]['digest']}", MANIFEST)
    labels = registry.ask(f"org/my_project/blobs/{manifest['config']['digest']}")["config"]["Labels"]
    assert labels["org.opencontainers.image.revision"] == commit


def test_a_release_is_pushed_with_what_it_was_built_of(
    registry: Registry, bake: Callable[..., Project], docker: str
) -> None:
    push_from_github(registry, bake(**lean("github")), docker, ref_type="tag", ref_name="v0.1.0")
    commit = registry.say("git rev-parse HEAD")
    assert registry.tags("org/my_project") == {f"sha-{commit[:12]}", "0.1.0", "0.1", "0", "latest"}
    image, attestation = registry.ask("org/my_project/manifests/0.1.0", INDEX)["manifests"]
    assert attestation["annotations"]["vnd.docker.reference.digest"] == image["digest"]
    layers = registry.ask(f"org/my_project/manifests/{attestation['digest']}", MANIFEST)["layers"]
    statements = {}
    for layer in layers:
        statement = registry.ask(f"org/my_project/blobs/{layer['digest']}")
        statements[statement["predicateType"].split("/")[2]] = statement["predicate"]
    packages = {package["name"].lower() for package in statements["spdx.dev"]["packages"]}
    assert {"django", "gunicorn", "psycopg-c"} <= packages
    provenance = json.dumps(statements["slsa.dev"])
    assert commit in provenance
    # Only the fullest kind has the steps of the build.
    assert "llbDefinition" in provenance


def test_gitlab_pushes_a_release_that_is_not_the_newest(
    registry: Registry, bake: Callable[..., Project], docker: str
) -> None:
    registry.say("git tag v0.2.0")
    variables = {
        "CI_REGISTRY": "registry.example.com",
        "CI_REGISTRY_USER": "ann",
        "CI_REGISTRY_PASSWORD": "secret",
        "CI_REGISTRY_IMAGE": "registry.example.com/group/project",
        "CI_COMMIT_TAG": "v0.1.0",
    }
    job = GitLab(docker, bake(**lean("gitlab")).path, Path()).job("push-image")
    registry.push("\n".join(job["script"]), **variables)
    registry.say("git tag --delete v0.2.0")
    commit = registry.say("git rev-parse --short=12 HEAD")
    assert registry.tags("group/project") == {f"sha-{commit}", "0.1.0", "0.1"}


def test_what_is_no_release_is_refused(registry: Registry) -> None:
    command = "make push-image IMAGE=ghcr.io/org/refused"
    assert "v0.9.0 is not the version in pyproject.toml, 0.1.0" in registry.refuse(f"{command} TAG=v0.9.0")
    assert "IMAGE=registry.example.com/name" in registry.refuse("make push-image")
    registry.say("touch new")
    assert "there are uncommitted changes" in registry.refuse(command)
    registry.say("rm new; git tag --delete v0.1.0")
    assert "v0.1.0 is not a tag of this commit" in registry.refuse(f"{command} TAG=v0.1.0")
    registry.say("git tag v0.1.0; git rev-parse HEAD | tee .git/shallow")
    assert "git fetch --unshallow --tags" in registry.refuse(f"{command} TAG=v0.1.0")
    registry.say("rm .git/shallow")


def test_beside_the_older_image_store_a_builder_of_its_own_is_asked_for(registry: Registry) -> None:
    """And removed, though it cannot start in a lab without registries."""
    registry.machine.run("rm /etc/docker/daemon.json; systemctl restart docker")
    said = registry.refuse("make push-image IMAGE=127.0.0.1:1/name TAG=v0.1.0")
    [builder] = re.findall('building with "(.+)" instance using docker-container driver', said)
    assert builder not in registry.say("docker buildx ls")
