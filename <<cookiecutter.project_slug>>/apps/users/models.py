"""The user model: an e-mail address and a password."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from apps.users.managers import UserManager


class User(AbstractUser):
    """An account, whose e-mail address is its login; the address is kept in lower case, so that nobody has two."""

    username = None  # type: ignore[assignment]
    email = models.EmailField(
        _("email address"),
        unique=True,
        error_messages={"unique": _("A user with that email address already exists.")},
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")),
                name="users_user_email_is_lower_case",
                violation_error_message=_("The email address must be in lower case."),
            ),
        ]

    def __str__(self) -> str:
        return self.email
