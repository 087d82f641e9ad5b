"""Static and uploaded files: whether they are there, and kept."""

import contextlib

from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.crypto import get_random_string

from ops.contracts import Finding, Target, error, ok, reason
from ops.deployments import commands
from ops.preflight.client import Unreachable, ask

# So many are named.
NAMED = 3


def check_static(target: Target) -> Finding:
    """Find whether every file of the manifest is there, and one of them at the site."""
    storage = staticfiles_storage
    here = commands()
    if not isinstance(storage, ManifestFilesMixin):
        return error(
            "These settings have no manifest of static files.",
            f"Let DJANGO_SETTINGS_MODULE be config.settings.production in {here.settings}. {here.apply}",
        )
    hint = f"Collect them: {here.manage} collectstatic --no-input"
    if here.has_own_proxy:
        hint = f"They belong to the release. {here.apply}"
    if storage.read_manifest() is None:
        return error(f"There is no {storage.manifest_name} in STATIC_ROOT.", hint)
    paths = sorted(storage.load_manifest()[0].values())
    if missing := [path for path in paths if not storage.exists(path)]:
        return error(f"{len(missing)} of {len(paths)} are missing: {', '.join(missing[:NAMED])}.", hint)
    if not paths:
        return error("The manifest is empty.", hint)
    # If the site does not respond at all, the check `site` reports it.
    with contextlib.suppress(*Unreachable):
        url = storage.url(min(storage.load_manifest()[0]))
        if (response := ask(target, url)).status != 200:
            return error(f"{len(paths)} are there, but the site responds with {response.status} to {url}.", here.proxy)
    return ok(f"All {len(paths)} files of the manifest are there.")


def check_media(target: Target) -> Finding:
    """Find whether a small file can be saved, read and removed."""
    here = commands()
    place = str(getattr(default_storage, "location", "The storage"))
    hint = f"See that MEDIA_ROOT in {here.settings} is a folder that the site's user may write to. {here.apply}"
    # >> if cookiecutter.media_storage == "s3"
    if bucket := getattr(default_storage, "bucket_name", None):
        place = f"The bucket {bucket}"
        names = "AWS_STORAGE_BUCKET_NAME and what else begins with AWS_"
        hint = f"See that {names} in {here.settings} is right: the key must write, read and remove. {here.apply}"
    # >> endif
    content = get_random_string(32).encode()
    try:
        name = default_storage.save(f"preflight-{get_random_string(12)}.txt", ContentFile(content))
        with default_storage.open(name) as file:
            found = file.read()
        default_storage.delete(name)
    except Exception as failure:  # noqa: BLE001 - each storage has exceptions of its own
        return error(f"{place} cannot store an uploaded file: {reason(failure)}.", hint)
    if found != content:
        return error(f"{place} returned other data than was saved.", hint)
    return ok(f"{place} stores, returns and deletes files.")
