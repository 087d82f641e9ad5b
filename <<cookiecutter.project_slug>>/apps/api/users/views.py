"""Users: all of them for the staff, and each for oneself."""

from typing import Any

from django.contrib.auth import get_user_model
from rest_framework.decorators import action
from rest_framework.permissions import IsAdminUser, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.api.users.filters import UserFilter
from apps.api.users.serializers import MeSerializer, UserSerializer


class UserViewSet(ReadOnlyModelViewSet[Any]):
    """Users, which only the staff may read. The admin is where they are changed."""

    queryset = get_user_model().objects.order_by("id")
    serializer_class = UserSerializer
    permission_classes = (IsAdminUser,)
    filterset_class = UserFilter
    lookup_value_converter = "int"

    @action(detail=False, serializer_class=MeSerializer, permission_classes=(IsAuthenticated,))
    def me(self, request: Request) -> Response:
        """The account of who asks."""
        return Response(self.get_serializer(request.user).data)

    @me.mapping.patch
    def change_me(self, request: Request) -> Response:
        """Change the name of who asks."""
        serializer = self.get_serializer(request.user, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return Response(serializer.data)
