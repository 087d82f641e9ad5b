"""The URLs below /api/."""

from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView

from apps.api.docs import docs

urlpatterns = [
    path("v1/", include("apps.api.v1")),
    path("schema/", SpectacularJSONAPIView.as_view(), name="api-schema"),
    path("docs/", docs, name="api-docs"),
]
