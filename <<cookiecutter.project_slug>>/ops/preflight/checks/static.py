"""Whether the static files are there, and reach visitors."""

import contextlib

from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage

from ops.contracts import Finding, Target, error, ok
from ops.deployments import commands
from ops.preflight.site import Unreachable, ask

# So many are named.
NAMED = 3


def check(target: Target) -> Finding:
    """Find whether every file of the manifest is there, and one of them at the site."""
    storage = staticfiles_storage
    here = commands()
    if not isinstance(storage, ManifestFilesMixin):
        return error(
            "These settings have no manifest of static files.",
            f"Let DJANGO_SETTINGS_MODULE be config.settings.production in {here.settings}. {here.apply}",
        )
    remedy = f"Collect them: {here.manage} collectstatic --no-input"
    if here.has_own_proxy:
        remedy = f"They belong to the release. {here.apply}"
    if storage.read_manifest() is None:
        return error(f"There is no {storage.manifest_name} in STATIC_ROOT.", remedy)
    paths = sorted(storage.load_manifest()[0].values())
    if missing := [path for path in paths if not storage.exists(path)]:
        return error(f"{len(missing)} of {len(paths)} are missing: {', '.join(missing[:NAMED])}.", remedy)
    if not paths:
        return error("The manifest is empty.", remedy)
    # That the site does not answer at all is told by another check.
    with contextlib.suppress(*Unreachable):
        url = storage.url(min(storage.load_manifest()[0]))
        if (answer := ask(target, url)).status != 200:
            return error(f"All {len(paths)} are there, but the site answers {answer.status} to {url}.", here.proxy)
    return ok(f"All {len(paths)} files of the manifest are there.")
