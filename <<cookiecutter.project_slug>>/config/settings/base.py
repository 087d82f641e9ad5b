"""Settings that every environment shares; development, production and test change what differs.

What an operator may set comes from the environment and stands, with its default, in .env.example.
Reference: https://docs.djangoproject.com/en/6.1/ref/settings/
"""

import logging
import tomllib
from pathlib import Path
from typing import Any

from config.settings.environment import env
from config.settings.guard import DEVELOPMENT_SECRET_KEY
from ops.observability.logs import configuration

BASE_DIR = Path(__file__).resolve().parents[2]

# The project
# Name, domain, description and version stand once, in pyproject.toml.
with (BASE_DIR / "pyproject.toml").open("rb") as pyproject_file:
    PYPROJECT = tomllib.load(pyproject_file)
SITE_NAME: str = PYPROJECT["tool"]["config"]["site_name"]
SITE_DOMAIN: str = PYPROJECT["tool"]["config"]["domain"]
SITE_DESCRIPTION: str = PYPROJECT["project"]["description"]
SITE_VERSION: str = PYPROJECT["project"]["version"]
# Production has one; else links in e-mail lead where the request came to.
SITE_URL = ""
SERVICE_NAME = "<< cookiecutter.project_slug >>"

# Security
SECRET_KEY = env("SECRET_KEY", default=DEVELOPMENT_SECRET_KEY)
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
DEBUG = False
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", default=[])
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS", default=[])
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
from config.settings.components.headers import *

# The proxy
# Of these addresses alone is X-Forwarded-For believed, as gunicorn believes them X-Forwarded-Proto.
FORWARDED_ALLOW_IPS = env.networks("FORWARDED_ALLOW_IPS", default=["127.0.0.1", "::1"])

# Applications
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "apps.core",
    "apps.users",
    "ops.database",
    "ops.health",
    "ops.read_only",
    "ops.backups",
    "ops.preflight",
    "ops.observability",
    "ops.security",
    "django_structlog",
    "axes",
    # >> if cookiecutter.use_api
    "apps.api",
    "corsheaders",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    # >> endif
]
MIDDLEWARE = [
    # First: it logs whatever the others answer.
    "ops.observability.middleware.RequestMiddleware",
    # >> if cookiecutter.use_metrics
    # Before the rest: it counts whatever they answer.
    "ops.observability.metrics.middleware.MetricsMiddleware",
    # >> endif
    # Headers, before what answers by itself: redirects to HTTPS and, in production, static files have them too. The
    # first one has the Content Security Policy, in the place of django.middleware.csp.
    "ops.security.middleware.SecurityHeadersMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    # Before anything that looks at the Host header: a probe comes by IP address.
    "ops.health.middleware.ProbeMiddleware",
    # >> if cookiecutter.use_api
    # Around whatever may answer in the place of a view.
    "corsheaders.middleware.CorsMiddleware",
    "apps.api.middleware.ProblemMiddleware",
    # >> endif
    "django.contrib.sessions.middleware.SessionMiddleware",
    "ops.read_only.middleware.ReadOnlyMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    # Last: what a form answers whose sender is locked out takes the place of what its view has answered.
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.core.context_processors.site",
            ],
        },
    },
]

# >> if cookiecutter.use_mfa
# Second factor
from config.settings.components.mfa import *

INSTALLED_APPS[INSTALLED_APPS.index("django.contrib.admin")] = "apps.mfa.apps.AdminConfig"
INSTALLED_APPS += MFA_APPS
# What the app shows it under.
OTP_TOTP_ISSUER = SITE_NAME
MIDDLEWARE.insert(
    MIDDLEWARE.index("django.contrib.auth.middleware.AuthenticationMiddleware") + 1,
    "django_otp.middleware.OTPMiddleware",
)

# >> endif
# Database
# Without a URL it is SQLite in a file, which production refuses.
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.database("DATABASE_URL", default="")
    or {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"},
}
DATABASES["default"]["CONN_MAX_AGE"] = env.number("CONN_MAX_AGE", default=600, least=0)
# A connection kept from the last request is tried before it is used again, if it was not within the last second.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # Seconds. A server that hangs otherwise holds a request for more than 40. One that has vanished is noticed after 45
    # by a process that waits for its answer, and not after two hours. The URL can set others.
    limits = {"connect_timeout": 2, "keepalives_idle": 15, "keepalives_interval": 10, "keepalives_count": 3}
    DATABASES["default"]["OPTIONS"] = limits | DATABASES["default"].get("OPTIONS", {})
# Seconds after which PostgreSQL ends a query of a request, one that waits for a lock, and an idle transaction.
# Only requests have these limits: no command, and so no migration and no backup.
DATABASE_TIMEOUTS = {
    "statement_timeout": env.number("DATABASE_STATEMENT_TIMEOUT", default=30, least=0, most=86400),
    # Less than the five seconds after which a probe gives up.
    "lock_timeout": env.number("DATABASE_LOCK_TIMEOUT", default=3, least=0, most=86400),
    "idle_in_transaction_session_timeout": env.number("DATABASE_IDLE_TIMEOUT", default=60, least=0, most=86400),
}

# Read-only mode
# The site can be read, and nothing can be changed: for as long as a process has the variable, or there is the file,
# which manage.py read_only writes.
READ_ONLY_MODE = env.bool("READ_ONLY_MODE", default=False)
READ_ONLY_LOCK_FILE = Path(env.file_path("READ_ONLY_LOCK_FILE", default="") or BASE_DIR / ".read-only.lock")
# Seconds for which a process serves what only reads without another look at the file.
READ_ONLY_CACHE_SECONDS = 0.1
# URLs that change nothing, also with POST.
READ_ONLY_EXEMPT = ["/csp-report/"]

# Cache
# Without a URL it is in this process's memory, which production refuses.
REDIS_URL = env.redis("REDIS_URL", default="")
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}
if REDIS_URL:
    CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": SERVICE_NAME,
        # A Redis that hangs holds a request for a second, and is not tried again within it.
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1, "retry": None},
    }

# >> if cookiecutter.use_celery
# Background tasks
from config.settings.components.celery import *

# >> endif
# Readiness
# What /ready/ asks, by the name it answers with.
READINESS_CHECKS = {
    "database": "ops.probes.check_database",
    "cache": "ops.probes.check_cache",
}

# >> if cookiecutter.use_celery
if not CELERY_TASK_ALWAYS_EAGER:
    READINESS_CHECKS["broker"] = "ops.probes.check_broker"

# >> endif
# Seconds for which a process repeats the outcome: each check opens a connection, and anybody can ask.
READINESS_CACHE_SECONDS = 1.0
# What it tells operators besides, by name; a function without arguments returns what can be JSON.
READINESS_DETAILS = {
    "backups": "ops.backups.status.details",
    "read_only": "ops.read_only.details.read_only",
}
# Whoever sends it as "Authorization: Bearer …" is an operator; without one nobody is.
OPERATOR_TOKEN = env("OPERATOR_TOKEN", default="")

# Preflight
# What manage.py preflight looks at, in this order, by the name it tells: functions of a Target that return a Finding
# (ops/contracts.py).
PREFLIGHT_CHECKS = {
    "settings": "config.preflight.check",
    "deploy": "ops.preflight.checks.django.check_deploy",
    "database": "ops.preflight.checks.services.check_database",
    "migrations": "ops.preflight.checks.django.check_migrations",
    "cache": "ops.preflight.checks.services.check_cache",
    # >> if cookiecutter.use_celery
    "broker": "ops.preflight.checks.tasks.check_broker",
    "worker": "ops.preflight.checks.tasks.check_worker",
    # >> endif
    "email": "ops.preflight.checks.mail.check_email",
    "static": "ops.preflight.checks.files.check_static",
    "media": "ops.preflight.checks.files.check_media",
    "disk": "ops.preflight.checks.host.check_disk",
    "clock": "ops.preflight.checks.host.check_clock",
    "certificate": "ops.preflight.checks.site.check_certificate",
    "site": "ops.preflight.checks.site.check_site",
    "hsts": "ops.preflight.checks.site.check_hsts",
    "proxy": "ops.preflight.checks.site.check_proxy",
    "backups": "ops.backups.preflight.check",
    "restore": "ops.backups.preflight.check_restore",
    # >> if cookiecutter.use_sentry
    "sentry": "ops.observability.preflight.check",
    # >> endif
    "read_only": "ops.read_only.preflight.check",
}

# >> if cookiecutter.use_metrics
# Metrics
from config.settings.components.metrics import *

if REDIS_URL:
    CACHES["default"]["BACKEND"] = "ops.observability.metrics.cache.RedisCache"

# >> endif
# E-mail
MAILERS: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": env.identifier("EMAIL_BACKEND", default="django.core.mail.backends.smtp.EmailBackend")},
}
if MAILERS["default"]["BACKEND"] == "django.core.mail.backends.smtp.EmailBackend":
    MAILERS["default"]["OPTIONS"] = {
        "host": env.host("EMAIL_HOST", default=""),
        "port": env.number("EMAIL_PORT", default=587, most=65535),
        "username": env("EMAIL_HOST_USER", default=""),
        "password": env("EMAIL_HOST_PASSWORD", default=""),
        # One of the two: STARTTLS, commonly on port 587, or TLS from the start, on port 465.
        "use_tls": env.bool("EMAIL_USE_TLS", default=True) and not env.bool("EMAIL_USE_SSL", default=False),
        "use_ssl": env.bool("EMAIL_USE_SSL", default=False),
        # Seconds; without a limit a mail server that hangs holds a request for ever.
        "timeout": env.number("EMAIL_TIMEOUT", default=10),
    }
DEFAULT_FROM_EMAIL = env.sender("DEFAULT_FROM_EMAIL", default="") or f"noreply@{SITE_DOMAIN}"
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# Accounts
from config.settings.components.accounts import *

# Language and time
LANGUAGE_CODE = env.identifier("LANGUAGE_CODE", default="en", example="en")
TIME_ZONE = env.timezone("TIME_ZONE", default="<< cookiecutter.timezone >>")
USE_TZ = True

# >> if cookiecutter.use_api
# REST API
from config.settings.components.api import *

# >> endif
# Static and uploaded files
STATIC_URL = "/static/"
STATIC_ROOT = env.file_path("STATIC_ROOT", default="") or BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_URL = "/media/"
MEDIA_ROOT = env.file_path("MEDIA_ROOT", default="") or BASE_DIR / "media"
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# >> if cookiecutter.media_storage == "s3"
from config.settings.components.s3 import *

if S3_STORAGE["OPTIONS"]["bucket_name"]:
    STORAGES["default"] = S3_STORAGE
    # Pages may show them.
    for directive in ("img-src", "media-src"):
        CONTENT_POLICY[directive] += S3_SOURCES

# >> endif
# What a request may bring
# Bytes of a form without its files, or of other content, which a process keeps in memory.
# >> if cookiecutter.deployment != "platform"
# With its files it may have 10 MiB: deploy/nginx/server.conf.
# >> endif
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 100
# A larger file goes to the disk while it comes in.
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
# The web server can read uploads; none is executable.
FILE_UPLOAD_PERMISSIONS = 0o644

# Backups
from config.settings.components.backups import *

if BACKUPS_STORAGE["OPTIONS"]["bucket_name"]:
    STORAGES["backups"] = BACKUPS_STORAGE

# >> if cookiecutter.use_sentry
# Errors
from config.settings.components.sentry import *

if SENTRY_DSN:
    from ops.observability.sentry import start

    start(SENTRY_DSN, SENTRY_ENVIRONMENT, release=f"{SERVICE_NAME}@{SITE_VERSION}")

# >> endif
# Logging
# Everything goes to standard output, where the service manager collects it.
LOG_LEVEL = env.choice("LOG_LEVEL", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
LOGGING = configuration(LOG_LEVEL)
# RequestMiddleware accepts well-formed request IDs only.
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
# One line for a request, when it has been answered.
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG
# >> if cookiecutter.use_celery
# Likewise for a task; it knows the request that has sent it.
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_CELERY_TASK_START_LOG_LEVEL = logging.DEBUG
# >> endif
