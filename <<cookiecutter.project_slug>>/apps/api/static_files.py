"""Which static files are collected."""

from collections.abc import Iterable
from typing import Any

from django.contrib.staticfiles import finders

# Of the libraries, only Swagger UI is used. The rest would take longer to compress than all else together.
UNUSED = ["rest_framework", "redoc", "oauth2-redirect.*", "swagger-ui-standalone-preset.*", "*.js.map"]


class AppDirectoriesFinder(finders.AppDirectoriesFinder):
    """Leaves out what no page asks for."""

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterable[Any]:
        """Yield the files that are collected, each with its storage."""
        return super().list([*(ignore_patterns or ()), *UNUSED])
