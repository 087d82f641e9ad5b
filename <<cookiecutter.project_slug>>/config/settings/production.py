"""Settings for production. They refuse to load, naming every problem at once, rather than run unsafely.

The process's environment is the only source; no .env is read.
Checklist: https://docs.djangoproject.com/en/6.1/howto/deployment/checklist/
"""

from django.core.exceptions import ImproperlyConfigured

from config.settings import variables
from config.settings.base import *
from config.settings.environment import env
from config.settings.guard import find_problems

DEBUG = env.bool("DEBUG", default=False)

# HTTPS
# Which scheme the visitor used is what gunicorn says: it believes X-Forwarded-Proto of FORWARDED_ALLOW_IPS alone, where
# Django's SECURE_PROXY_SSL_HEADER would believe it of everybody.
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
# A probe speaks plain HTTP from inside.
SECURE_REDIRECT_EXEMPT = [r"^health/$", r"^ready/$"]
# Without the redirect the site works over plain HTTP too, where browsers refuse both secure cookies and such names.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT
if SECURE_SSL_REDIRECT:
    # With names that begin so, browsers take them from this host alone, over HTTPS: no other subdomain can set them.
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
# Seconds. An hour is enough to start with; a year (31536000) once the site has been well over HTTPS.
SECURE_HSTS_SECONDS = env.number("SECURE_HSTS_SECONDS", default=3600, least=0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=False)
# W005 and W021 ask for the two options above. Both bind hosts that this project does not know of, and the second
# takes months to undo, so they are the operator's decision.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# Where links in e-mail lead: to the first name, which is the site's own, whatever host a request names. An origin of
# that name has the port, if it is another than usual.
SITE_URL = variables.site_url(ALLOWED_HOSTS, CSRF_TRUSTED_ORIGINS)

# Static files carry a hash of their content in their name and are served compressed by the application itself, so
# that they work without a proxy too.
STORAGES["staticfiles"] = {
    "BACKEND": "ops.static_storage.StaticFilesStorage",
    "OPTIONS": {"compression_cache": env.file_path("STATIC_COMPRESSION_CACHE", default="")},
}
MIDDLEWARE.insert(
    MIDDLEWARE.index("django.middleware.security.SecurityMiddleware") + 1,
    "whitenoise.middleware.WhiteNoiseMiddleware",
)

if problems := find_problems(globals()):
    raise ImproperlyConfigured("the production settings cannot be used:\n" + "\n".join(f"  - {p}" for p in problems))
