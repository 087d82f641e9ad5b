"""The REST API below /api/: who may ask for what, how often, and as what they are known.

Reference: https://www.django-rest-framework.org/api-guide/settings/
"""

from datetime import timedelta
from typing import Any

# >> if cookiecutter.use_mfa
from corsheaders.defaults import default_headers

# >> endif
from config.settings.environment import env

# Whether only who is logged in may use a view that says nothing else; without it, anybody may read it.
AUTH_ENFORCED = env.bool("AUTH_ENFORCED", default=True)
# Whether everybody may see the schema and the API docs, or only the staff.
OPENAPI_PUBLIC = env.bool("OPENAPI_PUBLIC", default=False)

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["apps.api.permissions.AuthEnforced"],
    # JSON comes in, and JSON goes out, whatever the URL says.
    "DEFAULT_PARSER_CLASSES": ["apps.api.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "apps.api.problems.exception_handler",
    # Requests of an address without a login, of a user, and attempts of an address to log in.
    "DEFAULT_THROTTLE_CLASSES": ["apps.api.throttling.AnonymousThrottle", "apps.api.throttling.UserThrottle"],
    "DEFAULT_THROTTLE_RATES": {"anon": "60/min", "user": "600/min", "tokens": "10/min"},
    "DEFAULT_PAGINATION_CLASS": "apps.api.pagination.Pages",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

# Tokens
# Reference: https://django-rest-framework-simplejwt.readthedocs.io/en/stable/settings.html
# Whether a browser keeps the refresh token in a cookie that no script can read; else it is in the body of answers.
COOKIE_REFRESH_AUTH = env.bool("COOKIE_REFRESH_AUTH", default=True)
SIMPLE_JWT: dict[str, Any] = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.number("JWT_ACCESS_MINUTES", default=20)),
    # As long as a session; each refresh begins anew.
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    # With a key of its own, made of SECRET_KEY, and by HS256 alone.
    "AUTH_TOKEN_CLASSES": ["apps.api.tokens.classes.AccessToken"],
    # A new password ends all tokens.
    "CHECK_REVOKE_TOKEN": True,
}

# What the schema says of the API as a whole. Nothing in it depends on the environment.
# Reference: https://drf-spectacular.readthedocs.io/en/latest/settings.html
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "REST API",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": r"/api/v\d+",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apps.api.problems.describe_problems",
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    # The documents ask for the schema with the session of the admin.
    "SERVE_AUTHENTICATION": [
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "SERVE_PERMISSIONS": ["apps.api.permissions.MaySeeDocs"],
}
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "apps.api.docs.AppDirectoriesFinder",
]

# Pages of other origins
# Reference: https://github.com/adamchainz/django-cors-headers#configuration
CORS_ALLOWED_ORIGINS = env.origins("CORS_ALLOWED_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/api/"
# Those that are listed may send the cookie along; others may nothing.
CORS_ALLOW_CREDENTIALS = True
# >> if cookiecutter.use_mfa
CORS_ALLOW_HEADERS = [*default_headers, "x-otp"]
# >> endif
CORS_EXPOSE_HEADERS = ["Retry-After", "X-Request-ID"]
