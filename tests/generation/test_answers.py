"""Bad answers are refused, with a sentence that helps, and leave nothing behind."""

import datetime
import json
import os
import subprocess
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from local_time_zones import CANONICAL
from tests.conftest import ROOT, tool
from tests.support.combinations import CHOICES, NASTY_NAME

REFUSED = [
    ("project_name", "", "is empty"),
    ("project_name", "   ", "is empty"),
    ("project_name", "x" * 101, "has 101 characters; use at most 100"),
    ("author_name", " Ann ", "use 'Ann'"),
    ("project_name", "two\nlines", "holds U+000A"),
    ("project_name", "bell\x07", "holds U+0007"),
    ("project_name", "right-to-left\u202e", "holds U+202E"),
    ("project_name", "\u200d\u200c", "is empty"),
    ("project_name", "Shop\u00a0", "use 'Shop'"),
    ("project_name", "a >> b", 'holds a doubled "<" or ">"'),
    ("project_slug", "", "such as my_project"),
    ("project_slug", "3d", "such as my_3d"),
    ("project_slug", "My-Shop", "such as my_shop"),
    ("project_slug", "my_shop_", "such as my_shop"),
    ("project_slug", "my.shop", "such as my_shop"),
    ("project_slug", "a/b/c", "such as a_b_c"),
    ("project_slug", "../outside", "such as outside"),
    ("project_slug", "a" * 31, "such as " + "a" * 30),
    ("project_slug", "größe", "such as gr_e"),
    ("project_slug", "pg_data", "already uses; use another, such as my_pg_data"),
    *(
        ("project_slug", name, f"already uses; use another, such as my_{name}")
        for name in ("root", "postgres", "redis", "nginx", "www_data", "systemd", "test", "template1", "public", "none")
    ),
    # The project's target would replace a target of systemd, or its drop-in files would apply to services of Debian.
    *(("project_slug", name, f"such as my_{name}") for name in ("reboot", "rescue", "apt", "dpkg")),
    ("description", "x" * 201, "has 201 characters; use at most 200"),
    ("author_name", "Ann\x00", "holds U+0000"),
    ("author_email", "ann", "use one such as author@example.com"),
    ("author_email", "ann@", "use one such as author@example.com"),
    ("author_email", "ann@example", "use one such as author@example.com"),
    ("author_email", "ann..b@example.com", "use one such as author@example.com"),
    ("author_email", '"a b"@example.com', "use one such as author@example.com"),
    ("author_email", "{{7*7}}@example.com", "use one such as author@example.com"),
    ("domain_name", "https://shop.example.com/", "such as shop.example.com"),
    ("domain_name", "shop.example.com:8000", "such as shop.example.com"),
    ("domain_name", "Shop.Example.com", "is not in lower case; use shop.example.com"),
    ("domain_name", "-shop.example.com", "such as example.com"),
    ("domain_name", "shop_1.example.com", "such as example.com"),
    ("domain_name", "10.1.2.3", "such as example.com"),
    ("domain_name", "a" * 64 + ".example.com", "such as example.com"),
    ("domain_name", "bücher.example.com", "such as xn--bcher-kva.example.com"),
    ("timezone", "Berlin", "use one such as Europe/Berlin"),
    ("timezone", "europe/berlin", "use one such as Europe/Berlin"),
    ("timezone", "", "use one such as"),
    ("timezone", "../etc/passwd", "use one such as"),
    ("timezone", "US/Pacific", "is a former name, which Debian 13 does not have; use America/Los_Angeles"),
    ("timezone", "Asia/Calcutta", "use Asia/Kolkata"),
    ("timezone", "europe/kiev", "use one such as Europe/Kyiv"),
]


def configure(tmp_path: Path, **defaults: Any) -> None:
    """Write default answers into the configuration file of the fixture ``generate``."""
    configuration = yaml.safe_load((tmp_path / "cookiecutterrc").read_text())
    configuration["default_context"] = {"project_slug": "fine"} | defaults
    (tmp_path / "cookiecutterrc").write_text(yaml.safe_dump(configuration))


def replay_file(tmp_path: Path, **changes: Any) -> Path:
    """Write a replay file with the answers that are the defaults, and ``changes``."""
    context = json.loads((ROOT / "cookiecutter.json").read_text())
    context = {name: raw[0] if isinstance(raw, list) and name[0] != "_" else raw for name, raw in context.items()}
    file = tmp_path / "replay.json"
    file.write_text(json.dumps({"cookiecutter": context | {"project_slug": "fine"} | changes}))
    return file


@pytest.mark.parametrize(("name", "answer", "sentence"), REFUSED)
def test_a_bad_answer_is_refused(
    generate: Callable[..., Any], tmp_path: Path, name: str, answer: str, sentence: str
) -> None:
    # A user's own default can hold what a command line cannot; raw, for a default is a template.
    configure(tmp_path, **{name: f"<<% raw %>>{answer}<<% endraw %>>"})
    output = tmp_path / "output"
    output.mkdir()
    # Without a slug the folder is the output folder itself, which only this option lets cookiecutter use.
    options = ["--overwrite-if-exists"] if (name, answer) == ("project_slug", "") else []
    result = generate("--no-input", "--output-dir", str(output), *options)
    assert result.returncode == 1
    assert f"{name} {answer!r} " in result.stderr
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    assert list(output.iterdir()) == []
    assert not (tmp_path / "outside").exists()


WRONG_TYPES: list[tuple[str, Any, str]] = [
    ("use_celery", 0, "is neither true nor false; use true or false"),
    ("use_celery", None, "None is neither true nor false"),
    ("use_celery", "perhaps", "'perhaps' in default_context of the configuration file is neither true nor false"),
    ("deployment", "sytemd", "is not offered; use 'systemd'"),
    ("python_version", 3.13, "3.13 in default_context of the configuration file is not offered; use '3.13'"),
    ("license", None, "None in default_context of the configuration file is not offered; use"),
    ("author_email", None, "author_email None is not a text"),
    ("author_name", True, "author_name True is not a text"),
    ("description", {"a": 1}, "description {'a': '1'} is not a text"),
]


@pytest.mark.parametrize(("name", "answer", "sentence"), WRONG_TYPES)
def test_a_default_of_the_wrong_type_is_refused(
    generate: Callable[..., Any], tmp_path: Path, name: str, answer: Any, sentence: str
) -> None:
    configure(tmp_path, **{name: answer})
    result = generate("--no-input")
    assert (result.returncode, "Traceback" in result.stderr) == (1, False)
    assert sentence in result.stderr
    assert not (tmp_path / "fine").exists()


@pytest.mark.parametrize(
    ("name", "answer", "sentence"),
    [
        ("use_celery", 0, "use_celery 0 is neither true nor false"),
        ("use_celery", "no", "use_celery 'no' is neither true nor false; use true or false, without quotes"),
        ("deployment", "sytemd", "deployment 'sytemd' is not offered; use 'systemd'"),
        ("deployment", ["docker"], "deployment ['docker'] is not offered; use 'docker'"),
        ("project_slug", None, "project_slug None is not a text"),
        ("timezone", 1, "timezone 1 is not a text"),
        ("use_celry", True, "use_celry True answers a question that the template does not ask; use use_celery"),
    ],
)
def test_a_bad_answer_of_a_replay_file_is_refused(
    generate: Callable[..., Any], tmp_path: Path, name: str, answer: Any, sentence: str
) -> None:
    result = generate("--replay-file", str(replay_file(tmp_path, **{name: answer})))
    assert (result.returncode, "Traceback" in result.stderr) == (1, False)
    assert sentence in result.stderr
    assert not (tmp_path / "fine").exists()


def test_an_unknown_answer_of_the_command_line_is_refused(generate: Callable[..., Any], tmp_path: Path) -> None:
    result = generate("--no-input", use_celry=False, deploy="docker")
    assert result.returncode == 1
    assert "use_celry 'False' answers a question that the template does not ask; use use_celery" in result.stderr
    assert "deploy 'docker' answers a question that the template does not ask; use deployment" in result.stderr
    assert not (tmp_path / "my_project").exists()


def test_defaults_for_other_templates_are_accepted(generate: Callable[..., Any], tmp_path: Path) -> None:
    """A resemblance to a question is reported; values that cookiecutter converts are answers."""
    configure(tmp_path, use_celry="n", github_username="ann", use_mfa="n", started=datetime.date(2026, 11, 28))
    result = generate("--no-input")
    assert result.returncode == 0, result.stderr
    assert "Warning: use_celry in default_context" in result.stderr
    assert "It asks for use_celery." in result.stderr
    assert "github_username" not in result.stderr
    answers = json.loads((tmp_path / "fine" / ".cookiecutter.json").read_text())["answers"]
    assert answers["use_mfa"] is False


@pytest.mark.parametrize("answer", ["<<", "# >> if", "<< 1 / 0 >>"])
def test_an_answer_that_cannot_be_evaluated_is_refused(
    generate: Callable[..., Any], tmp_path: Path, answer: str
) -> None:
    result = generate("--no-input", project_name=answer)
    assert result.returncode == 1
    assert f"project_name {answer!r} cannot be evaluated" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "my_project").exists()


def test_former_time_zones_have_names_with_the_same_rules() -> None:
    """The names are Debian's; tests/deploy would need one server for each to see the others accepted."""
    table = (resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text()
    places = {line.split("\t")[2] for line in table.splitlines() if line[0] != "#"}
    assert len(CANONICAL) == 113
    assert places.isdisjoint(CANONICAL)
    days = [datetime.datetime(2026, month, 1, tzinfo=datetime.UTC) for month in range(1, 13)]
    for former, name in CANONICAL.items():
        assert name in places | {"UTC", "GMT"}
        assert [day.astimezone(ZoneInfo(former)).utcoffset() for day in days] == [
            day.astimezone(ZoneInfo(name)).utcoffset() for day in days
        ]


def test_several_bad_answers_are_reported_together(generate: Callable[..., Any], tmp_path: Path) -> None:
    result = generate("--no-input", project_slug="root", domain_name="a b", author_email="x", timezone="Mars")
    assert result.returncode == 1
    for name in ("project_slug", "domain_name", "author_email", "timezone"):
        assert f"{name} '" in result.stderr
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("options", [[], ["--overwrite-if-exists"]])
def test_a_folder_that_was_there_before_is_untouched(
    generate: Callable[..., Any], tmp_path: Path, options: list[str]
) -> None:
    folder = tmp_path / "my_project"
    folder.mkdir()
    (folder / "manage.py").write_text("mine")
    result = generate("--no-input", *options, timezone="Mars")
    assert result.returncode == 1
    assert [path.name for path in folder.iterdir()] == ["manage.py"]
    assert (folder / "manage.py").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("project_name", NASTY_NAME),
        ("project_name", "码头"),
        ("project_name", "x" * 100),
        ("project_slug", "a"),
        ("project_slug", "a1__b_2"),
        ("project_slug", "a" * 30),
        ("author_email", "ann.o'brien+shop@mail.example.co.uk"),
        ("domain_name", "xn--bcher-kva.example.com"),
        ("domain_name", "localhost"),
        ("domain_name", ".".join(["a" * 61] * 4)),
        ("timezone", "America/Argentina/Buenos_Aires"),
    ],
)
def test_an_unusual_answer_is_accepted(generate: Callable[..., Any], name: str, answer: str) -> None:
    result = generate("--no-input", **{name: answer})
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Tea & Coffee", "tea_coffee"),
        ("Größe", "grosse"),
        ("3D Shop", "my_3d_shop"),
        ("Test", "my_test"),
        ("News", "my_news"),
        ("Users", "my_users"),
        ("PG Data", "my_pg_data"),
        ("2" * 40, "my_" + "2" * 27),
        ("x " * 20, "x" + "_x" * 14),
        ("☃", "my_project"),
    ],
)
def test_the_default_slug_is_accepted(generate: Callable[..., Any], tmp_path: Path, name: str, slug: str) -> None:
    # A doubtful time zone, so that nothing is generated; the sentence about the slug would stand beside its own.
    result = generate("--no-input", project_name=name.strip(), timezone="Mars")
    assert "timezone 'Mars'" in result.stderr
    assert "project_slug" not in result.stderr
    [replay] = (tmp_path / "replay").iterdir()
    assert json.loads(replay.read_text())["cookiecutter"]["project_slug"] == slug


def test_an_answer_is_never_executed(generate: Callable[..., Any], tmp_path: Path) -> None:
    answer = """'); __import__('os').system("touch mark") # $(touch mark) `touch mark` {{ 7*7 }} \\"""
    result = generate("--no-input", project_name=answer, project_slug="fine", description=answer, author_name=answer)
    assert result.returncode == 0, result.stderr
    assert list(tmp_path.rglob("mark")) == []
    record = json.loads((tmp_path / "fine" / ".cookiecutter.json").read_text())
    assert record["answers"]["description"] == answer


def test_the_questions_have_prompts_for_people() -> None:
    questions = json.loads((ROOT / "cookiecutter.json").read_text())
    asked = [name for name in questions if not name.startswith("_")]
    assert list(questions["__prompts__"]) == asked
    # provision refuses the nginx of Ubuntu 24.04, so no prompt may lead there.
    assert "Ubuntu" not in json.dumps(questions["__prompts__"])
    for name, choices in questions.items():
        if isinstance(choices, list) and not name.startswith("_"):
            assert list(questions["__prompts__"][name]) == ["__prompt__", *choices]


def test_the_combinations_know_every_choice() -> None:
    questions = json.loads((ROOT / "cookiecutter.json").read_text())
    choices = {name: [raw, not raw] if isinstance(raw, bool) else raw for name, raw in questions.items()}
    assert {name: raw for name, raw in choices.items() if isinstance(raw, list) and name[0] != "_"} == CHOICES


def test_the_questions_can_be_answered_by_pressing_return(tmp_path: Path) -> None:
    result = subprocess.run(
        [tool("cookiecutter"), str(ROOT), "--default-config"],
        cwd=tmp_path,
        input="\n" * 20,
        capture_output=True,
        text=True,
        check=False,
        # A terminal may show nothing but ASCII.
        env=os.environ | {"HOME": str(tmp_path), "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )
    assert result.returncode == 0, result.stderr
    assert "Project name, as people read it" in result.stdout
    assert (tmp_path / "my_project" / "manage.py").exists()
