"""Where the project is deployed, by the folder that it is in. It needs no settings, which may be what is wrong."""

from pathlib import Path

from apps.core.deployments.commands import Commands

# >> if "docker" in cookiecutter.deployment
from apps.core.deployments.docker import COMMANDS as DOCKER

# >> endif
from apps.core.deployments.platform import COMMANDS as PLATFORM

# >> if "systemd" in cookiecutter.deployment
from apps.core.deployments.systemd import COMMANDS as SYSTEMD

# >> endif
FOLDER = Path(__file__).resolve().parents[2]


def commands() -> Commands:
    """Return what an operator runs and sets here."""
    # >> if "systemd" in cookiecutter.deployment
    if FOLDER.is_relative_to("/srv/<< cookiecutter.project_slug >>"):
        return SYSTEMD
    # >> endif
    # >> if "docker" in cookiecutter.deployment
    # The image has the project there.
    if Path("/app") == FOLDER:
        return DOCKER
    # >> endif
    return PLATFORM
