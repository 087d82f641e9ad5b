"""Refuse answers that would make a project which cannot work, all of them at once, before a file is written.

Refuses folders too in which a file of the user's would be lost. Reads the answers as JSON, so that no answer is ever
executed. Prints one line per bad answer to standard error and exits with status 1; cookiecutter then removes the folder
that it had created.
"""

import difflib
import json
import os
import re
import sys
import unicodedata
import zoneinfo
from collections.abc import Iterable
from pathlib import Path

CONTEXT = json.loads("<< (cookiecutter | jsonify | tojson)[1:-1] >>")
ANSWERS = {name: answer for name, answer in CONTEXT.items() if not name.startswith("_")}
# cookiecutter renders a hook from within the template's folder.
TEMPLATE = Path(json.loads("<< (working_folder() | tojson | tojson)[1:-1] >>"))
IGNORED = json.loads("<< (ignored_answers() | tojson)[1:-1] >>")
QUESTIONS = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
KEEPS_EXISTING = json.loads("<< keeps_existing_files() | tojson >>")

sys.path[0] = str(TEMPLATE)  # in place of the folder of temporary files, where cookiecutter puts a hook
from local_features import PROJECT, unselected_files  # noqa: E402
from local_slugs import is_slug, is_taken, usable_slug  # noqa: E402
from local_time_zones import CANONICAL  # noqa: E402

LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
LOCAL_PART = re.compile(r"[A-Za-z0-9_%+'-]+(\.[A-Za-z0-9_%+'-]+)*")


def is_shown(character: str) -> bool:
    """Return whether a character is printable, or a space or a joiner that Persian, Indic scripts and emoji need."""
    return character.isprintable() or character in "\u200c\u200d" or unicodedata.category(character) == "Zs"


def refuse_text(value: str, limit: int) -> str | None:
    """Return what is wrong with a line of free text of at most ``limit`` characters, or None."""
    if not any(c.isprintable() and not c.isspace() for c in value):
        return "is empty; give it at least one character"
    if value != value.strip():
        return f"begins or ends with a blank; use {value.strip()!r}"
    if len(value) > limit:
        return f"has {len(value)} characters; use at most {limit}"
    if unprintable := sorted({f"U+{ord(c):04X}" for c in value if not is_shown(c)}):
        return f"holds {', '.join(unprintable)}, which no file format can show; use printable characters on one line"
    if re.search(r"<{2}|>{2}", value):
        return 'holds a doubled "<" or ">", which the template keeps for itself; use single ones, or « and »'
    return None


def refuse_slug(value: str) -> str | None:
    """Return why ``value`` cannot name a Linux user, a PostgreSQL role and database, a unit and an image, or None."""
    if not is_slug(value):
        return (
            "cannot name a system user, a database and an image; use a lower-case letter, then letters, digits and "
            f"underscores, at most 30, not ending in one, such as {usable_slug(value)}"
        )
    return (
        f"is a name that a server already uses; use another, such as {usable_slug(value)}" if is_taken(value) else None
    )


def is_host_name(value: str) -> bool:
    """Say whether ``value`` is a host name in lower case (RFC 1123); the last label of one is not a number."""
    labels = value.split(".")
    return len(value) <= 253 and all(LABEL.fullmatch(label) for label in labels) and not labels[-1].isdigit()


def refuse_domain(value: str) -> str | None:
    """Return why ``value`` is no host name, or None."""
    if is_host_name(value):
        return None
    if is_host_name(value.lower()):
        return f"is not in lower case; use {value.lower()}"
    bare = re.sub(r"^[a-z]+://|[:/?#].*$", "", value.lower())
    try:
        bare = bare.encode("idna").decode("ascii")
    except UnicodeError:
        bare = "example.com"
    return (
        "is no host name; use letters, digits and hyphens in parts joined by dots, without scheme, port or path, such "
        f"as {bare if is_host_name(bare) else 'example.com'}"
    )


def refuse_email(value: str) -> str | None:
    """Return why ``value`` is not a plain e-mail address, or None."""
    local, at, domain = value.rpartition("@")
    if at and len(value) <= 254 and LOCAL_PART.fullmatch(local) and is_host_name(domain.lower()) and "." in domain:
        return None
    return "is not an e-mail address; use one such as author@example.com"


def refuse_timezone(value: str) -> str | None:
    """Return why ``value`` is not a time zone of the IANA database that a Debian server has, or None."""
    if value in CANONICAL:
        return f"is a former name, which Debian 13 does not have; use {CANONICAL[value]}"
    if value == "UTC":
        return None  # the default; a list of all zones takes the time of reading 600 files
    zones = zoneinfo.available_timezones() - {"Factory", "localtime"} - CANONICAL.keys()
    if value in zones:
        return None
    return f"is not a time zone of the IANA database; use one such as {nearest(value.replace(' ', '_'), sorted(zones))}"


def nearest(text: str, offered: Iterable[str]) -> str:
    """Return the text among those ``offered`` that is most like another."""
    return max(offered, key=lambda offer: difflib.SequenceMatcher(None, text.lower(), offer.lower()).ratio())


TEXTS = {
    "project_name": lambda value: refuse_text(value, 100),
    "project_slug": refuse_slug,
    "description": lambda value: refuse_text(value, 200),
    "author_name": lambda value: refuse_text(value, 100),
    "author_email": refuse_email,
    "domain_name": refuse_domain,
    "timezone": refuse_timezone,
}


def questions() -> list[str]:
    """Return the names of the questions that the template asks."""
    return [name for name in QUESTIONS if not name.startswith("_")]


def refuse_name(name: str) -> str | None:
    """Return why ``name`` is not the name of a question, or None."""
    if name in questions():
        return None
    return f"answers a question that the template does not ask; use {nearest(name, questions())}, or remove it"


def refuse_choice(name: str, answer: object) -> str | None:
    """Return why an answer has the wrong type or is not offered, or None."""
    question = QUESTIONS[name]
    if isinstance(question, bool):
        return None if isinstance(answer, bool) else "is neither true nor false; use true or false, without quotes"
    if isinstance(question, list):
        if answer in question:
            return None
        offered = ", ".join(repr(choice) for choice in question)
        return f"is not offered; use {nearest(str(answer), question)!r}, or another of {offered}"
    return None if isinstance(answer, str) else "is not a text; write a text, in quotes"


def refuse(name: str, answer: object) -> str | None:
    """Return what is wrong with an answer, or None."""
    if why := refuse_name(name) or refuse_choice(name, answer):
        return why
    return TEXTS[name](answer) if name in TEXTS else None


def warn_of_misspelled_defaults() -> None:
    """Warn of names in the user's configuration that resemble a question; other templates may ask for them."""
    for name in IGNORED["elsewhere"]:
        if near := difflib.get_close_matches(name, questions(), n=1, cutoff=0.9):
            print(
                f"Warning: {name} in default_context of the configuration file has no effect here, because the "
                f"template does not ask for it. It asks for {near[0]}.",
                file=sys.stderr,
            )


def refuse_project(root: Path) -> None:
    """Exit if there is a project in ``root`` that records its origin."""
    if os.path.lexists(root / ".cookiecutter.json"):
        sys.exit(
            f"{root} is a project that was generated already, for it has a .cookiecutter.json. "
            "To bring changes of the template into it, run there: make drift ARGS=update"
        )


def refuse_files(root: Path) -> None:
    """Exit if the template would write to a path in ``root`` in a way that loses something of the user's.

    cookiecutter's --overwrite-if-exists asks for files to be overwritten, but for nothing else: not for their removal
    with a feature, nor for writing through a symbolic link. --skip-if-file-exists asks for them to be kept as they are.
    """
    if not any(root.iterdir()):
        return
    removed = set(unselected_files(TEMPLATE, CONTEXT, ANSWERS))
    refusals: dict[Path, str] = {}
    for path in sorted((TEMPLATE / PROJECT).rglob("*")):
        name = path.relative_to(TEMPLATE / PROJECT)
        present = root / name
        if not os.path.lexists(present) or not refusals.keys().isdisjoint(name.parents):
            continue
        if present.is_symlink():
            refusals[name] = "is a symbolic link, through which the template would write elsewhere"
        elif present.is_dir() != path.is_dir():
            refusals[name] = (
                "is a folder where the template has a file"
                if present.is_dir()
                else ("is a file where the template has a folder")
            )
        elif str(name) in removed:
            refusals[name] = "belongs to a feature that is not selected, with which it would be removed"
        elif KEEPS_EXISTING and (str(name) == "pyproject.toml" or name.match("requirements/*.txt")):
            refusals[name] = "would be changed, because the requirements depend on the answers"
    if refusals:
        sys.exit(
            "".join(f"{name} {why}.\n" for name, why in refusals.items())
            + f"Nothing was written to {root}. Move these files elsewhere, or generate into another folder."
        )


def main() -> None:
    """Check the answers and the folder; cookiecutter has created the folder if it was not there."""
    if sys.version_info < (3, 11):
        sys.exit("Slipway needs cookiecutter on Python 3.11 or newer; install it with: uv tool install cookiecutter")
    root = Path.cwd()
    refuse_project(root)
    warn_of_misspelled_defaults()
    refusals = [
        *(f"{name} {answer!r} {refuse_name(name)}" for name, answer in IGNORED["command"].items()),
        *(
            f"{name} {answer!r} in default_context of the configuration file {refuse_choice(name, answer)}"
            for name, answer in IGNORED["configuration"].items()
        ),
        *(f"{name} {answer!r} {why}" for name, answer in ANSWERS.items() if (why := refuse(name, answer))),
    ]
    if refusals:
        sys.exit("\n".join(f"{refusal}." for refusal in refusals))
    refuse_files(root)


main()
