"""The URLs of the second factor."""

from django.urls import path

from apps.mfa import views

urlpatterns = [
    path("", views.second_factor, name="second_factor"),
    path("setup/", views.setup, name="second_factor_setup"),
]
