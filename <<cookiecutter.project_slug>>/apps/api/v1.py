"""The URLs of version 1. Clients rely on them: what would break one goes into a version of its own."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from apps.api.tokens.views import LogoutView, RefreshView, TokenView
from apps.api.users.views import UserViewSet

router = SimpleRouter(use_regex_path=False)
router.register("users", UserViewSet)

urlpatterns = [
    # The cookie of apps/api/tokens/cookie.py is for these.
    path("auth/token/", TokenView.as_view(), name="api-token"),
    path("auth/refresh/", RefreshView.as_view(), name="api-refresh"),
    path("auth/logout/", LogoutView.as_view(), name="api-logout"),
    path("", include(router.urls)),
]
