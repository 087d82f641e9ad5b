"""Check an environment file for production: ``check_env.py FILE``.

Prints one line and ends with the status 0 when it can be used; else prints everything that is wrong with it, and never
a secret, and ends with 1. What may and must be in it is what .env.production.template says. Runs with Python 3.11 or
newer and nothing besides.
"""

import difflib
import itertools
import re
import runpy
import shlex
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / ".env.production.template"
PLACEHOLDER = "CHANGE_ME"
# The package config would import more than the standard library.
GUARD = runpy.run_path(str(ROOT / "config" / "settings" / "guard.py"))
# The settings parse with the same code.
VARIABLES = runpy.run_path(str(ROOT / "config" / "settings" / "variables.py"))
READERS = VARIABLES["readers"](ROOT)
ASSIGNMENT = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)")
# What Compose and the containers read besides the settings, with what must be there.
COMPOSE_VARIABLES = {
    "COMPOSE_PROJECT_NAME": (r"[a-z0-9][a-z0-9_-]*", 'a name such as my_site: small letters, digits, "-" and "_"'),
    "COMPOSE_PROFILES": (r"(?:proxy)?", "proxy, or nothing for the host's own nginx"),
    "NGINX_HTTP_PORT": (r"(?:(?:[0-9.]+|\[[0-9a-f:]+\]):)?[0-9]{1,5}", "a port such as 8080 or 127.0.0.1:8080"),
    "NGINX_HTTPS_PORT": (r"(?:(?:[0-9.]+|\[[0-9a-f:]+\]):)?[0-9]{1,5}", "a port such as 8443 or 127.0.0.1:8443"),
    "NGINX_HTTPS": (r"true|false", "true or false"),
    "BACKEND_HOST_PORT": (r"[0-9]{1,5}", "a port such as 8000"),
    "BACKUPS_AT": (r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", "a time of day such as 02:30"),
}


def known_variables() -> dict[str, bool]:
    """Return the name of every variable in the template, and whether it must be set."""
    known = {}
    for above, line in itertools.pairwise(TEMPLATE.read_text(encoding="utf-8").splitlines()):
        if match := re.fullmatch(r"(# )?([A-Z0-9_]+)=.*", line):
            known[match[2]] = not match[1] and "(may be empty)" not in above
    return known


def value_problem(name: str, value: str) -> str | None:
    """Return what is wrong with the ``value`` of the variable ``name`` in a sentence without a secret, or None."""
    if PLACEHOLDER in value:
        return f"{name} still holds {PLACEHOLDER}; set its real value"
    problem: str | None = None
    if name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD") and not re.fullmatch(r"[A-Za-z0-9._-]{16,}", value):
        return (
            f'{name} must have 16 or more letters, digits, "-", "_" or ".", and nothing else, for it becomes part of '
            "a URL; use one made with: openssl rand -hex 24"
        )
    items = [item.strip() for item in value.split(",") if item.strip()]
    # nginx does not take "*", which the parser does.
    if name == "NGINX_TRUSTED_PROXIES" and ("*" in items or VARIABLES["Reader"]("networks", "", {}).problem(value)):
        return "NGINX_TRUSTED_PROXIES must list networks such as 203.0.113.0/24,2001:db8::/32"
    if name == "COMPOSE_FILE" and value.split(":")[0] != "compose.prod.yaml":
        return "COMPOSE_FILE must begin with compose.prod.yaml; name other files after it, separated by colons"
    if name in COMPOSE_VARIABLES and not re.fullmatch(COMPOSE_VARIABLES[name][0], value):
        return f"{name} must be {COMPOSE_VARIABLES[name][1]}"
    if name in READERS and (problem := READERS[name].problem(value)):
        return f"{name} {problem}"
    if name == "SECRET_KEY":
        problem = GUARD["secret_key_problem"](value)
    elif name == "ALLOWED_HOSTS":
        problem = GUARD["hosts_problem"](VARIABLES["parse_hosts"](value))
    elif name == "CSRF_TRUSTED_ORIGINS":
        problem = GUARD["origins_problem"](VARIABLES["parse_origins"](value), True)
    elif name == "SECURE_SSL_REDIRECT" and not VARIABLES["parse_bool"](value):
        # check --deploy refuses it too, after the image has been built.
        problem = "SECURE_SSL_REDIRECT is false, with which visitors log in unencrypted; remove the line"
    return problem


def line_problem(name: str, text: str, known: dict[str, bool]) -> str | None:
    """Return what is wrong with the line that sets ``name`` to ``text``, which may have quotes, or None."""
    if name == "DEBUG":
        return "DEBUG shows settings and source to visitors; remove the line"
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=1)
        correction = f"correct it to {nearest[0]}, or remove the line" if nearest else "remove the line"
        return f"{name} is not in {TEMPLATE.name}; {correction}"
    try:
        value = VARIABLES["read_value"](text, "Compose")
    except ValueError as error:
        return f"{name} {error}"
    if not value and known[name]:
        return f"{name} is empty; set it as {TEMPLATE.name} says"
    return value_problem(name, value)


def find_problems(content: str) -> Iterator[str]:
    """Yield a sentence for everything that is wrong with the ``content`` of an environment file."""
    known = known_variables()
    seen: dict[str, int] = {}
    # Not splitlines(), which ends a line where neither Compose nor a shell does.
    for number, line in enumerate(content.split("\n"), start=1):
        if re.fullmatch(r"[ \t]*(#.*)?", line):
            continue
        match = ASSIGNMENT.fullmatch(line)
        if not match:
            yield f"line {number}: this is not NAME=value, with a name in capital letters and no blank around ="
            continue
        name, text = match.groups()
        if name in seen:
            yield f"line {number}: {name} stands in line {seen[name]} already; keep one of the two"
            continue
        seen[name] = number
        if problem := line_problem(name, text, known):
            yield f"line {number}: {problem}"
    for name, is_required in known.items():
        if is_required and name not in seen:
            yield f"{name} is missing; set it as {TEMPLATE.name} says"


def check(path: Path) -> Iterator[str]:
    """Yield a sentence for everything that is wrong with the environment file ``path``."""
    try:
        content = path.read_bytes().decode("utf-8")
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        yield "it is missing; make env-production makes .env.production"
        return
    except OSError as error:
        yield f"it cannot be read ({error.strerror}); name a file that you may read"
        return
    except UnicodeDecodeError:
        yield "it is not text in UTF-8; save it as that"
        return
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield f"others than its owner may read or change it (mode {mode:04o}); run: chmod 600 {shlex.quote(str(path))}"
    if "\r\n" in content:
        yield f"its lines end as on Windows; run: sed -i 's/\\r$//' {shlex.quote(str(path))}"
    yield from find_problems(content.replace("\r\n", "\n"))


def main() -> None:
    """Check the file that the command line names."""
    if len(sys.argv) != 2:
        sys.exit("Usage: check_env.py FILE")
    if problems := list(check(Path(sys.argv[1]))):
        sys.exit(f"Error: {sys.argv[1]} cannot be used:\n" + "\n".join(f"  - {problem}" for problem in problems))
    print(f"{sys.argv[1]} can be used.")


if __name__ == "__main__":
    main()
