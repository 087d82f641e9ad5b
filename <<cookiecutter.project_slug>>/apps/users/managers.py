"""How users are made and found."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import BaseUserManager

if TYPE_CHECKING:
    from apps.users.models import User


class UserManager(BaseUserManager["User"]):
    """Makes users from an e-mail address, and finds them by it in whatever case it is typed."""

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """Return the address without surrounding blanks, in lower case, its local part too.

        RFC 5321 lets a local part differ by case; no mail service that people use does.
        """
        return (email or "").strip().lower()

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the user with the address ``username``; raise User.DoesNotExist."""
        return self.get(email=self.normalize_email(username))

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Save and return a user; without a password they cannot log in. Raise ValueError without an address."""
        email = self.normalize_email(email)
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Save and return a user who may do everything."""
        return self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})
