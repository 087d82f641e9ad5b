"""The addresses below /api/."""

from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView

from apps.api.documents import documents

urlpatterns = [
    path("v1/", include("apps.api.v1")),
    path("schema/", SpectacularJSONAPIView.as_view(), name="api-schema"),
    path("docs/", documents, name="api-documents"),
]
