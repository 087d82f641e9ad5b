"""Settings for a developer's machine: no server is needed, and mistakes show themselves."""

from pathlib import Path

from config.settings.environment import env

# What the developer has set must be in the environment before base reads it; a variable already there wins.
env.load(Path(__file__).resolve().parents[2] / ".env")

from config.settings.base import *
from ops.observability.logs import configuration

DEBUG = env.bool("DEBUG", default=True)
LOGGING = configuration(LOG_LEVEL, is_for_people=True)

# >> if cookiecutter.use_mfa
# A first look needs no second factor.
MFA_REQUIRED = env.bool("MFA_REQUIRED", default=False)

# >> endif
# The development server makes a thread for each request, so a connection that is kept is never used again.
DATABASES["default"]["CONN_MAX_AGE"] = 0

# Without a mail server, e-mail is written to the terminal.
if MAILERS["default"].get("OPTIONS", {}).get("host") == "":
    MAILERS["default"] = {"BACKEND": "django.core.mail.backends.console.EmailBackend"}
