"""List the Python packages of a file system, as BuildKit asks for it: an in-toto statement that holds SPDX."""

import json
import os
from importlib.metadata import distributions
from pathlib import Path

source = Path(os.environ["BUILDKIT_SCAN_SOURCE"])
places = [str(path) for path in source.glob("venv/lib/python3*/site-packages")]
packages = [
    {"name": found.name, "versionInfo": found.version, "SPDXID": f"SPDXRef-{found.name}"}
    for found in distributions(path=places)
]
statement = {
    "_type": "https://in-toto.io/Statement/v0.1",
    "predicateType": "https://spdx.dev/Document",
    "predicate": {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": source.name, "packages": packages},
}
destination = Path(os.environ["BUILDKIT_SCAN_DESTINATION"]) / f"{source.name}.spdx.json"
destination.write_text(json.dumps(statement))
