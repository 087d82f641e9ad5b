"""Whether uploaded files are kept."""

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.crypto import get_random_string

from ops.contracts import Finding, Target, error, ok, reason
from ops.deployments import commands


def check(target: Target) -> Finding:
    """Find whether a small file can be saved, read and removed."""
    here = commands()
    place = str(getattr(default_storage, "location", "The storage"))
    remedy = f"See that MEDIA_ROOT in {here.settings} is a folder that the site's user may write to. {here.apply}"
    # >> if cookiecutter.media_storage == "s3"
    if bucket := getattr(default_storage, "bucket_name", None):
        place = f"The bucket {bucket}"
        names = "AWS_STORAGE_BUCKET_NAME and what else begins with AWS_"
        remedy = f"See that {names} in {here.settings} is right: the key must write, read and remove. {here.apply}"
    # >> endif
    content = get_random_string(32).encode()
    try:
        name = default_storage.save(f"preflight-{get_random_string(12)}.txt", ContentFile(content))
        with default_storage.open(name) as file:
            found = file.read()
        default_storage.delete(name)
    except Exception as failure:  # noqa: BLE001 - each storage has exceptions of its own
        return error(f"{place} does not keep an uploaded file: {reason(failure)}.", remedy)
    if found != content:
        return error(f"{place} gives back something else than was saved.", remedy)
    return ok(f"{place} keeps, gives back and removes a file.")
