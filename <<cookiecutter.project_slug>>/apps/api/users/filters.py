"""Which users a list has. What is not here reaches no field: an unknown value is answered with 400."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field

User = get_user_model()


@extend_schema_field(bool)
class BooleanFilter(filters.TypedChoiceFilter):
    """True or false; the library's own takes any other word for neither, and then leaves nothing out."""

    def __init__(self, **options: Any) -> None:
        choices = [("true", "true"), ("false", "false")]
        super().__init__(choices=choices, coerce=lambda text: text == "true", **options)


class OrderingFilter(filters.OrderingFilter):
    """The order of a list, by fields of which each is unique, so that no row is on two pages or on none.

    The library's own takes ``ordering=,`` for no order at all, and names the choices in the site's language.
    """

    def __init__(self, *fields: str, **options: Any) -> None:
        choices = [(sign + name, sign + name) for name in fields for sign in ("", "-")]
        super().__init__(fields=fields, choices=choices, **options)

    def filter(self, qs: QuerySet[Any], value: list[str] | None) -> QuerySet[Any]:
        """Return ``qs`` in the order that was asked for, if one was."""
        return super().filter(qs, value) if any(value or ()) else qs


class UserFilter(filters.FilterSet):
    """Users by what they are, or by a part of their name or address."""

    is_active = BooleanFilter()
    is_staff = BooleanFilter()
    search = filters.CharFilter(method="by_text", max_length=100, label="A part of the address or of a name")
    ordering = OrderingFilter("id", "email")

    class Meta:
        model = User
        fields = ()

    def by_text(self, users: QuerySet[Any], name: str, text: str) -> QuerySet[Any]:
        """Return those of ``users`` whose address or name contains ``text``."""
        return users.filter(Q(email__icontains=text) | Q(first_name__icontains=text) | Q(last_name__icontains=text))
