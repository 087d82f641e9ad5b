"""What production must not start with.

It imports nothing but the standard library, so that a script can run this file without the project's requirements.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# The key that a fresh checkout runs with.
DEVELOPMENT_SECRET_KEY = "development-only-never-in-production"  # noqa: S105
PLACEHOLDERS = ("change", "example", "insecure", "placeholder", "replace", "secret", "your-")
BACKENDS_THAT_SEND_NOTHING = {
    f"django.core.mail.backends.{name}.EmailBackend" for name in ("console", "dummy", "filebased", "locmem")
}


def find_problems(settings: Mapping[str, Any]) -> list[str]:
    """Return a sentence for everything in ``settings`` that production must not run with; never a secret's value."""
    return [*_security(settings), *_services(settings)]


def secret_key_problem(key: str) -> str | None:
    """Return what is wrong with ``key`` as production's SECRET_KEY in a sentence without it, or None."""
    if key in ("", DEVELOPMENT_SECRET_KEY):
        return "SECRET_KEY is missing or the development key; set one made with: openssl rand -base64 48"
    if len(key) < 50:
        return f"SECRET_KEY has {len(key)} characters; use at least 50, made with: openssl rand -base64 48"
    if any(word in key.lower() for word in PLACEHOLDERS) or len(set(key)) < 10:
        return "SECRET_KEY is a placeholder; set one made with: openssl rand -base64 48"
    return None


def hosts_problem(hosts: Sequence[str]) -> str | None:
    """Return what is wrong with ``hosts`` as production's ALLOWED_HOSTS, or None."""
    if not hosts:
        return "ALLOWED_HOSTS is empty; list the host names of the site"
    return "ALLOWED_HOSTS holds *; list the host names of the site" if "*" in hosts else None


def origins_problem(origins: Sequence[str], is_https: bool) -> str | None:
    """Return what is wrong with ``origins`` as production's CSRF_TRUSTED_ORIGINS, or None."""
    wrong = [origin for origin in origins if is_https and not origin.startswith("https://")]
    return f"CSRF_TRUSTED_ORIGINS holds {', '.join(wrong)}; every origin must begin with https://" if wrong else None


def _security(settings: Mapping[str, Any]) -> Iterator[str]:
    domain = settings["SITE_DOMAIN"]
    if problem := secret_key_problem(settings["SECRET_KEY"]):
        yield problem

    if settings["DEBUG"]:
        yield "DEBUG is true; unset it, for it shows settings and source to visitors"

    if problem := hosts_problem(settings["ALLOWED_HOSTS"]):
        yield f"{problem}, such as {domain}"

    if not settings["CSRF_TRUSTED_ORIGINS"]:
        yield f"CSRF_TRUSTED_ORIGINS is empty; list the origins of the site, such as https://{domain}"
    elif problem := origins_problem(settings["CSRF_TRUSTED_ORIGINS"], settings["SECURE_SSL_REDIRECT"]):
        yield problem


# >> if cookiecutter.use_celery
def redis_database(url: str) -> tuple[str | None, int, str]:
    """Return the host, the port and the number of the Redis database at ``url``."""
    from urllib.parse import parse_qs, urlsplit

    parts = urlsplit(url)
    number = parse_qs(parts.query).get("db", [parts.path.strip("/") or "0"])[-1]
    return parts.hostname, parts.port or 6379, number


# >> endif
def _services(settings: Mapping[str, Any]) -> Iterator[str]:
    if settings["DATABASES"]["default"]["ENGINE"] != "django.db.backends.postgresql":
        yield "DATABASE_URL is missing or not PostgreSQL; use postgres://user:password@host:5432/name"

    if not settings["REDIS_URL"]:
        yield "REDIS_URL is missing; use redis://:password@host:6379/0"
    # >> if cookiecutter.use_celery
    elif redis_database(settings["REDIS_URL"]) == redis_database(settings["CELERY_BROKER_URL"]):
        yield (
            "CELERY_BROKER_URL names the database of REDIS_URL, and clearing the cache removes tasks; use another "
            "server, or another database such as /1"
        )

    # >> endif
    # >> if cookiecutter.media_storage == "s3"
    if not settings["S3_STORAGE"]["OPTIONS"]["bucket_name"]:
        yield "AWS_STORAGE_BUCKET_NAME is missing; name the bucket that keeps uploaded files"

    # >> endif
    mailer = settings["MAILERS"]["default"]
    if mailer["BACKEND"] in BACKENDS_THAT_SEND_NOTHING:
        yield f"EMAIL_BACKEND is {mailer['BACKEND']}, which sends nothing; unset it to use SMTP"
    elif mailer.get("OPTIONS", {}).get("host") == "":
        yield f"EMAIL_HOST is missing; name the mail server, such as smtp.{settings['SITE_DOMAIN']}"
