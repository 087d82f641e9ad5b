from django.apps import AppConfig
from django.core.checks import Tags, register


class ApiConfig(AppConfig):
    """The REST API."""

    name = "apps.api"

    def ready(self) -> None:
        """Let ``manage.py check --deploy`` say what production should not do."""
        from apps.api.system_checks import check_auth_enforced

        register(check_auth_enforced, Tags.security, deploy=True)
