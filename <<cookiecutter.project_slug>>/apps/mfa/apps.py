from django.apps import AppConfig
from django.contrib.admin import apps as admin


class MfaConfig(AppConfig):
    """A second factor for whoever uses the admin."""

    name = "apps.mfa"
    default = True

    def ready(self) -> None:
        """Have each login noted."""
        from apps.mfa import reauthentication  # noqa: F401


class AdminConfig(admin.AdminConfig):
    """The admin, which asks for it."""

    default = False
    default_site = "apps.mfa.admin_site.AdminSite"
