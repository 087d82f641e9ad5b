from django.apps import AppConfig
from django.core.checks import Tags, register


class PreflightConfig(AppConfig):
    """What an operator wants to know before a site is opened."""

    name = "ops.preflight"

    def ready(self) -> None:
        """Let ``manage.py check --deploy`` say what can be said without asking a server."""
        from ops.preflight.system_checks import check_names, check_plain_mail

        register(check_names)
        register(check_plain_mail, Tags.security, deploy=True)
