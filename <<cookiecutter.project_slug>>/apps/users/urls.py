"""The URLs of the accounts."""

from django.urls import path

from apps.users import views

reset = views.PasswordResetView.as_view()

urlpatterns = [
    path("", views.account, name="account"),
    path("login/", views.LoginView.as_view(), name="login"),
    path("logout/", views.LogoutView.as_view(), name="logout"),
    path("password_change/", views.PasswordChangeView.as_view(), name="password_change"),
    path("password_reset/", reset, name="password_reset"),
    # By this name the admin looks for it.
    path("password_reset/", reset, name="admin_password_reset"),
    path("password_reset/sent/", views.password_reset_sent, name="password_reset_sent"),
    path("reset/<uidb64>/<token>/", views.PasswordResetConfirmView.as_view(), name="password_reset_confirm"),
]
