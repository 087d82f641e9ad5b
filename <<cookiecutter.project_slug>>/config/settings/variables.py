"""What the variables of the environment may hold, and how a file writes them.

The settings, gunicorn.conf.py and the commands below parse a variable with the same code. It imports nothing but the
standard library, so a server can run it without the project's requirements:

    python3 config/settings/variables.py FILE          check the lines of an environment file
    python3 config/settings/variables.py FILE NAME     ask for a value, or read it from standard input, and write it

It needs Python 3.11 or newer.
"""

import ast
import getpass
import os
import re
import sys
import zoneinfo
from collections.abc import Callable, Iterator
from email.utils import parseaddr
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlsplit

ROOT = Path(__file__).resolve().parents[2]
BOOLEANS = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}
HOST = r"(?:(?!-)[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])"
PORT = r"(?::[0-9]{1,5})?"
# Of a URL with a password: as RFC 3986 has it, so that "/", "?", "#" or "@" in a password cannot end it before its end.
URL = re.compile(
    r"(?P<scheme>[a-z+]+)://"
    r"(?:(?P<user>[^:/?#@\[\]\s]*)(?::(?P<password>[^/?#@\[\]\s]*))?@)?"
    rf"(?P<hosts>(?:(?:[A-Za-z0-9._-]|%[0-9A-Fa-f]{{2}})+|\[[0-9A-Fa-f:.]+\]){PORT}(?:,[A-Za-z0-9._-]+{PORT})*)?"
    r"(?P<path>/[^?#@\s]*)?"
    r"(?:\?(?P<query>[a-z_]+=[^#@&\s]*(?:&[a-z_]+=[^#@&\s]*)*))?"
)
ENCODED = "with special characters in the password percent-encoded"


# Each parser returns the value of a text, or raises ValueError, whose message follows the variable's name. The message
# never has the text, which may be a secret.


def parse_str(text: str) -> str:
    """Return the text as it is."""
    return text


def parse_bool(text: str) -> bool:
    """Return whether the text says true."""
    if text.strip().lower() not in BOOLEANS:
        raise ValueError("must be true or false")
    return BOOLEANS[text.strip().lower()]


def parse_number(text: str, least: int = 1, most: int = 2_147_483_647) -> int:
    """Return a whole number from ``least`` to ``most``."""
    if not re.fullmatch(r"-?[0-9]{1,10}", text.strip(), re.ASCII):
        raise ValueError("must be a whole number such as 30")
    number = int(text)
    if number < least:
        raise ValueError(f"must be {least} or more")
    if number > most:
        raise ValueError(f"must be {most} or less")
    return number


def parse_list(text: str, item: str = "", example: str = "") -> list[str]:
    """Return what the commas separate; each must match the pattern ``item``."""
    found = [part.strip() for part in text.split(",") if part.strip()]
    if item and not all(re.fullmatch(item, part) for part in found):
        raise ValueError(f"must be a list such as {example}")
    return found


def parse_choice(text: str, choices: tuple[str, ...]) -> str:
    """Return the text, which is one of ``choices``."""
    if text not in choices:
        raise ValueError(f"must be one of {', '.join(choices)}")
    return text


def parse_identifier(text: str, example: str = "main") -> str:
    """Return a name of letters, digits, ``.``, ``-`` and ``_``."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", text):
        raise ValueError(f'must be a name such as {example}, of letters, digits, ".", "-" and "_"')
    return text


def parse_path(text: str) -> str:
    """Return the path of a page, such as ``admin/``."""
    if not re.fullmatch(r"(?:[A-Za-z0-9_-]+/){1,5}", text):
        raise ValueError("must be a path such as manage/: letters, digits, - and _, no / in front and one at the end")
    return text


def parse_file_path(text: str) -> str:
    """Return the path of a file or folder, in which nothing is expanded."""
    if text.startswith(("~", "$")) or text != text.strip():
        raise ValueError("must be a path such as /srv/files, without ~ or a variable in it")
    return text


def parse_timezone(text: str) -> str:
    """Return the name of a time zone."""
    known = zoneinfo.available_timezones()
    # A server may have no database of them; the settings have one of their own.
    if not re.fullmatch(r"[A-Za-z0-9_+/-]+", text) or (known and text not in known):
        raise ValueError("must be a time zone such as Europe/Berlin")
    return text


def parse_host(text: str) -> str:
    """Return the name or address of a server."""
    if not re.fullmatch(HOST, text, re.IGNORECASE):
        raise ValueError("must be a host name such as smtp.example.com, without a scheme or a port")
    return text


def parse_hosts(text: str) -> list[str]:
    """Return the names of a site. The first leads to it; a dot in front of another stands for all its subdomains."""
    found = parse_list(text)
    if found and (
        found[0].startswith(".") or not all(name == "*" or re.fullmatch(rf"\.?{HOST}", name) for name in found)
    ):
        raise ValueError(
            "must list host names such as example.com,www.example.com: in small letters, without a scheme, a port or a "
            "path, and without a dot in front of the first"
        )
    return found


def parse_origins(text: str) -> list[str]:
    """Return origins, such as ``https://example.com`` or ``https://*.example.com``."""
    found = parse_list(text)
    if not all(re.fullmatch(rf"https?://(?:\*\.)?{HOST}{PORT}", origin) for origin in found):
        raise ValueError("must list origins such as https://example.com: a scheme and a host name, and no / at the end")
    return found


def parse_networks(text: str) -> list[str]:
    """Return addresses and networks, or ``*``."""
    found = parse_list(text)
    try:
        for item in found:
            if item != "*":
                ip_network(item)
    except ValueError:
        raise ValueError("must list addresses and networks such as 10.0.0.0/8, or *") from None
    return found


def parse_sender(text: str) -> str:
    """Return the address that e-mail comes from, with or without a name."""
    address = parseaddr(text)[1]
    if not re.fullmatch(r"[^@\s<>,]+@[^@\s<>,]+", address) or not text.isprintable():
        raise ValueError("must be an address such as hello@example.com or Example <hello@example.com>")
    return text


def parse_url(text: str, example: str = "https://storage.example.com", key: bool = False) -> str:
    """Return the URL of a service; with ``key``, it has a user and ends in a number (a DSN)."""
    user, number = (r"[^/?#@\s]+@", r"(?<=/)[0-9]+") if key else ("", "")
    if not re.fullmatch(rf"https?://{user}{HOST}{PORT}(?:/[^?#@\s]*)?{number}", text, re.IGNORECASE):
        raise ValueError(f"must be a URL such as {example}")
    return text


def parse_report_url(text: str) -> str:
    """Return where browsers report to: a path of this site, or a URL."""
    if not re.fullmatch(r"(?:https?://[\w.:-]+)?/[\w./?&=%~+-]*", text, re.ASCII):
        raise ValueError("must be /csp-report/, or a URL such as https://reports.example.com/site")
    return text


def _split(text: str, schemes: tuple[str, ...]) -> dict[str, str] | None:
    """Return the parts of a URL, or None when it has none of the schemes or a part could be taken for another."""
    match = URL.fullmatch(text)
    if not match or match["scheme"] not in schemes or re.search(r"%(?![0-9A-Fa-f]{2})", text):
        return None
    if not text.isprintable() or any(
        int(port) > 65535 for port in re.findall(r":([0-9]+)(?=,|$)", match["hosts"] or "")
    ):
        return None
    try:
        # It refuses characters that other programs would normalize to a slash or an @.
        urlsplit(text)
    except ValueError:
        return None
    return {name: part or "" for name, part in match.groupdict().items()}


def parse_redis(text: str, schemes: tuple[str, ...] = ("redis", "rediss", "unix")) -> str:
    """Return the URL of a database of Redis."""
    parts = _split(text, schemes)
    is_socket = parts is not None and parts["scheme"] in ("unix", "redis+socket")
    path = "/[^/].*" if is_socket else "(?:/[0-9]*)?"
    if parts is None or "," in parts["hosts"] or not re.fullmatch(path, parts["path"]):
        raise ValueError(f"must be a URL such as redis://:password@127.0.0.1:6379/0, {ENCODED}")
    return text


def parse_database(text: str) -> dict[str, Any]:
    """Return Django's settings for the database at a URL.

    Of its query, ``atomic_requests`` and ``disable_server_side_cursors`` are Django's, everything else is for libpq.
    """
    wrong = ValueError(f"must be a URL such as postgres://user:password@127.0.0.1:5432/name, {ENCODED}")
    if text.startswith("sqlite://"):
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": text.removeprefix("sqlite://").removeprefix("/") or ":memory:",
        }
    parts = _split(text, ("postgres", "postgresql"))
    # A path with two slashes in front leads to the folder of a socket.
    folder, _, name = (parts or {"path": ""})["path"].removeprefix("/").rpartition("/")
    if parts is None or not name or ":" in name or (folder and (parts["hosts"] or not folder.startswith("/"))):
        raise wrong
    addresses = [re.fullmatch(r"(.*?)(?::([0-9]+))?", one) for one in parts["hosts"].split(",")]
    hosts, ports = zip(*(match.groups() for match in addresses if match), strict=True)
    port: int | str = ""
    if any(ports):
        port = int(ports[0]) if len(ports) == 1 else ",".join(port or "5432" for port in ports)
    database: dict[str, Any] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(name),
        "USER": unquote(parts["user"]),
        "PASSWORD": unquote(parts["password"]),
        "HOST": folder or ",".join(unquote(host).strip("[]") for host in hosts),
        "PORT": port,
    }
    for option, value in parse_qsl(parts["query"], keep_blank_values=True):
        if option in ("conn_max_age", "conn_health_checks", "autocommit"):
            raise ValueError(f"must be a URL without {option}, which it cannot set; use CONN_MAX_AGE")
        if option in ("atomic_requests", "disable_server_side_cursors"):
            try:
                database[option.upper()] = parse_bool(value)
            except ValueError as error:
                raise ValueError(f"must be a URL in which {option} is true or false") from error
        else:
            database.setdefault("OPTIONS", {})[option] = int(value) if re.fullmatch("[0-9]{1,9}", value) else value
    return database


TEXTS = (
    parse_str,
    parse_bool,
    parse_number,
    parse_choice,
    parse_identifier,
    parse_list,
    parse_timezone,
    parse_file_path,
)
PLACES = (parse_path, parse_host, parse_hosts, parse_origins, parse_networks, parse_sender)
URLS = (parse_url, parse_report_url, parse_redis, parse_database)
PARSERS: dict[str, Callable[..., Any]] = {
    parser.__name__.removeprefix("parse_"): parser for parser in (*TEXTS, *PLACES, *URLS)
}


def site_url(hosts: list[str], origins: list[str]) -> str:
    """Return the URL of the site: of its first name, with the scheme and the port of the first origin of that name."""
    if not hosts:
        return ""
    own = (origin for origin in origins if re.fullmatch(rf"https?://{re.escape(hosts[0])}{PORT}", origin))
    return next(own, f"https://{hosts[0]}")


def parse(kind: str, text: str, default: object = None, **limits: Any) -> Any:
    """Return the value of a variable of a kind, which is the name of a parser.

    An empty text is a value only where the default is empty too. Raises ValueError; its message goes after the name.
    """
    if text == "" and default == "":
        return ""
    return PARSERS[kind](text, **limits)


class Reader(NamedTuple):
    """How the settings read a variable: the kind, the default (None where it is not a constant), and limits."""

    kind: str
    default: object
    limits: dict[str, Any]

    def problem(self, text: str) -> str | None:
        """Return why the settings would refuse ``text``, to go after the variable's name, or None."""
        try:
            parse(self.kind, text, self.default, **self.limits)
        except ValueError as error:
            return str(error)
        return None


def readers(root: Path = ROOT) -> dict[str, Reader]:
    """Return how the settings and gunicorn.conf.py read each variable, by name: found as calls of ``env``."""
    found = {}
    for path in [*sorted((root / "config" / "settings").rglob("*.py")), root / "gunicorn.conf.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="env"), attr=kind), args=[ast.Constant(value=name)]):
                    pass
                case ast.Call(func=ast.Name(id="env"), args=[ast.Constant(value=name)]):
                    kind = "str"
                case _:
                    continue
            constants = {}
            for keyword in node.keywords:
                try:
                    constants[str(keyword.arg)] = ast.literal_eval(keyword.value)
                except ValueError:
                    # Only the settings know what it is.
                    if keyword.arg != "default":
                        kind = "str"
            found[str(name)] = Reader(kind, constants.pop("default", None), constants if kind != "str" else {})
    return found


class Dialect(NamedTuple):
    """How a reader of environment files understands them."""

    bare: str  # a value without quotes
    single: str  # what stands in '…'
    double: str  # what stands in "…"; a backslash is taken away from the character behind it


# What may stand without quotes.
BARE = r"""[^\s\x00-\x1f\x7f'"$#`\\;&|<>()~]*"""
SHELL = "a shell"
DIALECTS = {
    SHELL: Dialect(BARE, r"[^\x00-\x1f\x7f']*", r"""(?:[^\x00-\x1f\x7f"\\$`]|\\["\\$`])*"""),
    # >> if "docker" in cookiecutter.deployment
    # For Compose, a backslash escapes the last quote, and before a ` it stays.
    "Compose": Dialect(BARE, r"(?:[^\x00-\x1f\x7f']*[^\x00-\x1f\x7f'\\])?", r"""(?:[^\x00-\x1f\x7f"\\$]|\\["\\$])*"""),
    # >> endif
    # >> if "systemd" in cookiecutter.deployment
    "systemd": Dialect(
        r"""(?:[^\s\x00-\x1f\x7f\\'"](?:[^\x00-\x1f\x7f\\'"]*[^\s\x00-\x1f\x7f\\'"])?)?""",
        r"[^\x00-\x1f\x7f']*",
        r"""(?:[^\x00-\x1f\x7f"\\]|\\["\\$`])*""",
    ),
    # >> endif
}


def dialect_of(path: Path) -> str:
    """Return which reader a file is for, by its name."""
    # >> if "docker" in cookiecutter.deployment
    if path.name.startswith(".env."):
        return "Compose"
    # >> endif
    # >> if "systemd" in cookiecutter.deployment
    if path.name == "environment":
        return "systemd"
    # >> endif
    return SHELL


def read_value(text: str, dialect: str) -> str:
    """Return the value that is written as ``text``; raise ValueError when it would be read as something else."""
    bare, single, double = DIALECTS[dialect]
    if re.fullmatch(bare, text):
        return text
    if re.fullmatch(f"'{single}'", text):
        return text[1:-1]
    if re.fullmatch(f'"{double}"', text):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    raise ValueError(
        f"is not written as {dialect} would read it; write it with: python3 config/settings/variables.py FILE NAME"
    )


def write_value(value: str, dialect: str) -> str:
    """Return how ``value`` is written; raise ValueError when it has characters that no line can have."""
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError("must be one line without control characters")
    if re.fullmatch(r"[A-Za-z0-9_.,:/@%+=-]*", value):
        return value
    if "'" not in value and not value.endswith("\\"):
        return f"'{value}'"
    escaped = r'(["\\$`])' if dialect == SHELL else r'(["\\$])'
    return '"' + re.sub(escaped, r"\\\1", value) + '"'


def lines(text: str, dialect: str) -> Iterator[tuple[int, str, str, str | None]]:
    """Yield the number, the name, the value and the problem, if there is one, of each line that sets a variable."""
    # Not splitlines(), which ends a line where none of the readers does.
    for number, line in enumerate(text.split("\n"), start=1):
        if re.fullmatch(r"[ \t]*(#.*)?", line):
            continue
        match = re.fullmatch(r"([A-Za-z_][A-Za-z0-9_]*)=(.*?)[ \t]*", line)
        if not match:
            yield number, "", "", "is not NAME=value, without blanks around ="
            continue
        try:
            yield number, match[1], read_value(match[2], dialect), None
        except ValueError as error:
            yield number, match[1], "", str(error)


def load(path: Path) -> None:
    """Put the variables of a file for a shell, if it is there, into the environment, where what is set already wins.

    Raises ValueError, with the number of the line, when one cannot be read.
    """
    if not path.exists():
        return
    found = list(lines(path.read_text(encoding="utf-8"), SHELL))
    for number, name, _, problem in found:
        if problem:
            raise ValueError(f"line {number} of {path.name} {name and 'sets ' + name + ', which '}{problem}")
    for _, name, value, _ in found:
        os.environ.setdefault(name, value)


def with_password(url: str, password: str) -> str:
    """Return a URL that has no password with one, percent-encoded."""
    scheme, _, rest = url.partition("://")
    user, _, place = rest.rpartition("@")
    return f"{scheme}://{user.removesuffix(':')}:{quote(password, safe='')}@{place}"


def replace_line(path: Path, name: str, line: str) -> None:
    """Put ``line`` where a file sets ``name``, or where a comment shows how, or at its end; keep owner and mode."""
    text = path.read_text(encoding="utf-8")
    for pattern in (rf"(?m)^{name}=.*$", rf"(?m)^# ?{name}=.*$"):
        changed, count = re.subn(pattern, lambda _: line, text, count=1)
        if count:
            break
    else:
        changed = f"{text.removesuffix(chr(10))}\n{line}\n".lstrip("\n")
    former = path.stat()
    new = path.with_name(f"{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(changed)
        os.chown(new, former.st_uid, former.st_gid)
        new.chmod(former.st_mode & 0o7777)
        new.replace(path)
    except BaseException:
        new.unlink()
        raise


def ask(prompt: str) -> str:
    """Return a line of the terminal, without showing it, or of standard input."""
    return getpass.getpass(f"{prompt}: ") if sys.stdin.isatty() else sys.stdin.readline().removesuffix("\n")


def set_value(path: Path, name: str) -> None:
    """Ask for the value of a variable and write it to a file; raise ValueError when it could not be used."""
    value = ask(name)
    reader = readers().get(name, Reader("str", "", {}))
    has_no_password = reader.kind in ("database", "redis") and re.match(r"[a-z+]+://(?:[^:/@]*:?@|[^@]*$)", value)
    if has_no_password and (password := ask("Password, if it needs one")):
        value = with_password(value, password)
    if problem := reader.problem(value):
        raise ValueError(f"{name} {problem}")
    try:
        replace_line(path, name, f"{name}={write_value(value, dialect_of(path))}")
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def check_file(path: Path) -> Iterator[str]:
    """Yield a sentence for each line of a file that its readers or the settings would not take as it is written."""
    known = readers()
    for number, name, value, problem in lines(path.read_text(encoding="utf-8"), dialect_of(path)):
        problem = problem or (known[name].problem(value) if name in known else None)
        if problem:
            yield f"line {number}: {name or 'it'} {problem}"


def main(arguments: list[str]) -> None:
    """Run one of the commands of this module's docstring."""
    if len(arguments) not in (1, 2) or not all(re.fullmatch("[A-Z][A-Z0-9_]*", name) for name in arguments[1:]):
        sys.exit("Usage: variables.py FILE [NAME]")
    path = Path(arguments[0]).resolve()
    try:
        if len(arguments) == 2:
            set_value(path, arguments[1])
            print(f"{path} has {arguments[1]}.")
        elif problems := list(check_file(path)):
            sys.exit(f"Error: {path} cannot be used:\n" + "\n".join(f"  - {problem}" for problem in problems))
        else:
            print(f"{path} can be used.")
    except OSError as error:
        sys.exit(f"Error: {path} cannot be used: {error.strerror}.")
    except ValueError as error:
        sys.exit(f"Error: {error}.")


if __name__ == "__main__":
    main(sys.argv[1:])
