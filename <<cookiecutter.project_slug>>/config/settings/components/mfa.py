"""A second factor for whoever uses the admin. Reference: https://django-otp-official.readthedocs.io/en/stable/"""

from config.settings.environment import env

# Whether it is demanded of everybody there, or of who has set one up.
MFA_REQUIRED = env.bool("MFA_REQUIRED", default=True)
MFA_APPS = ["django_otp", "django_otp.plugins.otp_totp", "django_otp.plugins.otp_static", "apps.mfa"]
