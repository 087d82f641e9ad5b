"""What is told of users, and what they may change of themselves."""

from typing import Any

from django.contrib.auth import get_user_model
from rest_framework import serializers

User = get_user_model()


class UserSerializer(serializers.ModelSerializer[Any]):
    """A user, for the staff."""

    class Meta:
        model = User
        fields = ("id", "email", "first_name", "last_name", "is_active", "is_staff", "date_joined", "last_login")
        read_only_fields = fields


class MeSerializer(serializers.ModelSerializer[Any]):
    """Oneself. What is not named here cannot be changed by whatever is sent."""

    class Meta:
        model = User
        fields = ("id", "email", "first_name", "last_name")
        read_only_fields = ("id", "email")

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        """Save the fields that were sent, and no other: a password may have changed since the user was read."""
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.save(update_fields=list(validated_data))
        return instance
