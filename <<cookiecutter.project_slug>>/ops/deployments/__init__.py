"""Where the project is deployed, by the folder that it is in. It needs no settings, which may be what is wrong."""

from pathlib import Path

from django.utils.module_loading import import_string

from ops.contracts import Commands

FOLDER = Path(__file__).resolve().parents[2]
# What is run and set where the project is in such a folder, or below it; the first that fits.
PLACES = {
    # >> if "systemd" in cookiecutter.deployment
    "/srv/<< cookiecutter.project_slug >>": "ops.deployments.systemd.COMMANDS",
    # >> endif
    # >> if "docker" in cookiecutter.deployment
    # The image has it there.
    "/app": "ops.deployments.docker.COMMANDS",
    # >> endif
    "/": "ops.deployments.paas.COMMANDS",
}


def commands() -> Commands:
    """Return what an operator runs and sets here."""
    path = next(path for folder, path in PLACES.items() if FOLDER.is_relative_to(folder))
    found: Commands = import_string(path)
    return found
