from django.apps import AppConfig
from django.core.checks import Tags, register


class SecurityConfig(AppConfig):
    """Security headers, reports of the Content Security Policy, and the paths that the site has taken."""

    name = "ops.security"

    def ready(self) -> None:
        """Let ``manage.py check`` say what is wrong with the paths of the site."""
        from ops.security.system_checks import check_admin_path

        register(check_admin_path, Tags.urls)
