"""The URLs that a load balancer or a monitor probes."""

from django.urls import path

from ops.health import views

urlpatterns = [
    path("health/", views.health, name="health"),
    path("ready/", views.ready, name="ready"),
]
