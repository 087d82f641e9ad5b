from django.apps import AppConfig


class SecurityConfig(AppConfig):
    """Security headers, reports of the Content Security Policy, and the paths that the site has taken."""

    name = "ops.security"
