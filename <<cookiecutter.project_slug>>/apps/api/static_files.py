"""Which static files are collected."""

from django.contrib.staticfiles import apps


class StaticFilesConfig(apps.StaticFilesConfig):
    """Leaves out what is never asked for, and takes long to compress: all of the libraries' but Swagger UI."""

    ignore_patterns = [
        *apps.StaticFilesConfig.ignore_patterns,
        *("rest_framework", "redoc", "oauth2-redirect.*", "swagger-ui-standalone-preset.*", "*.js.map"),
    ]
