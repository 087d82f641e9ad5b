from django.apps import AppConfig


class UsersConfig(AppConfig):
    """The accounts."""

    name = "apps.users"
