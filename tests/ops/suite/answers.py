"""The answers that the project was generated with; they decide which of its parts there are to test."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ANSWERS: dict[str, Any] = json.loads((ROOT / ".cookiecutter.json").read_text(encoding="utf-8"))["answers"]
DEPLOYMENT: str = ANSWERS["deployment"]
PROJECT_SLUG: str = ANSWERS["project_slug"]
USES_S3 = ANSWERS["media_storage"] == "s3"
USES_SENTRY: bool = ANSWERS["use_sentry"]
