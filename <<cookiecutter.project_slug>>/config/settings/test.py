"""Settings for the tests: fast, and the same whatever a developer's .env says."""

import os
import re
import sys

# Give each process of `make test` databases of Redis of its own, as pytest-django gives it one of PostgreSQL.
if os.environ.get("REDIS_URL") and (process := os.environ.get("PYTEST_XDIST_WORKER")):
    first = os.environ.setdefault("FIRST_REDIS_URL", os.environ["REDIS_URL"])
    shift = 2 * int(process.removeprefix("gw"))
    os.environ["REDIS_URL"] = re.sub(r"(?<=/)\d+$", lambda number: str(int(number[0]) + shift), first)

# A tool of `make sbom` installs a parser of IRIs. jsonschema would import it, which takes longer than the start of
# Django, and would check formats that production, which does not have it, ignores.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

from config.settings.base import *

# Hashing that is slow on purpose would take most of the tests' time.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# >> if cookiecutter.use_mfa
# The tests of the second factor demand it.
MFA_REQUIRED = False

# >> endif
# >> if cookiecutter.use_celery
# Tasks run in the caller; tests/integration/test_celery.py starts a worker of its own.
CELERY_TASK_ALWAYS_EAGER = True

# >> endif
# A test's database is dropped at the end, which an open connection would prevent.
DATABASES["default"]["CONN_MAX_AGE"] = 0

# A test must not see what the one before has found.
READINESS_CACHE_SECONDS = 0.0
READ_ONLY_CACHE_SECONDS = 0.0
