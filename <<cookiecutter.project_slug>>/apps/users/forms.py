"""Forms of the admin."""

from django.contrib.auth.forms import AdminUserCreationForm

from apps.users.models import User


class UserCreationForm(AdminUserCreationForm):  # type: ignore[type-arg]
    """Makes a user from an e-mail address and a password."""

    class Meta:
        model = User
        fields = ("email",)
