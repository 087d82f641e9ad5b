"""How the environment file for Docker Compose is made and checked."""

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ops.answers import PROJECT_SLUG, ROOT
from tests.unit.test_environment import READERS, WRONG
from tests.unit.test_production_document import refusals
from tests.unit.test_production_template import in_template

SCRIPTS = ROOT / "deploy" / "docker" / "bin"
SECRETS = {"SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "OPERATOR_TOKEN"}
KEY = "pL0vZ8mQ2xW6tR4yN1cB7jH5kD3sF9gA-uE_iOqXwTzMrKnVbY"


def python(script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a script of deploy/docker/bin where files are made for everybody, so that what is private was made so."""
    command = [sys.executable, "-I", SCRIPTS / script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, umask=0)


def assignments(text: str) -> dict[str, str]:
    """Return the name and the value of every variable that is set in the text of an environment file."""
    return dict(re.findall(r"^([A-Z0-9_]+)=(.*)$", text, re.MULTILINE))


def with_line(text: str, line: str) -> str:
    """Return the text of an environment file with ``line`` in place of the one for its variable, or at its end."""
    name = line.partition("=")[0]
    changed, count = re.subn(rf"^(# )?{re.escape(name)}=.*$", lambda _: line, text, count=1, flags=re.MULTILINE)
    return changed if count else f"{text}{line}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An environment file that was made and filled in."""
    path = tmp_path / ".env.production"
    assert python("new_env.py", path).returncode == 0
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"=CHANGE_ME$", "=filled-in.example", text, flags=re.MULTILINE), encoding="utf-8")
    return path


def problems(path: Path) -> list[str]:
    """Return what check_env.py finds wrong with a file."""
    run = python("check_env.py", path)
    if run.returncode == 0:
        assert (run.stdout, run.stderr) == (f"{path} can be used.\n", "")
        return []
    first, *found = run.stderr.splitlines()
    assert (run.returncode, run.stdout, first) == (1, "", f"Error: {path} cannot be used:")
    assert all(line.startswith("  - ") for line in found)
    return [line.removeprefix("  - ") for line in found]


def test_production_loads_with_a_finished_file(file: Path) -> None:
    environment = assignments(file.read_text(encoding="utf-8"))
    # As compose.prod.yaml sets them.
    database = f"postgres://{PROJECT_SLUG}:{environment['POSTGRES_PASSWORD']}@db:5432"
    environment["DATABASE_URL"] = f"{database}/{PROJECT_SLUG}?sslmode=disable"
    environment["REDIS_URL"] = f"redis://:{environment['REDIS_PASSWORD']}@redis:6379/0"
    defaults = {name: text for name, text in in_template()[1].items() if text}
    assert refusals(environment, environment | defaults) == ["", ""]


def test_a_new_file_is_private_and_says_what_is_left_to_fill_in(tmp_path: Path) -> None:
    path = tmp_path / ".env.production"
    run = python("new_env.py", path)
    assert (run.returncode, run.stderr) == (0, "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    made = assignments(path.read_text(encoding="utf-8"))
    required, _ = in_template()
    secrets = {name for name in required if required[name] != made[name]}
    assert secrets == SECRETS
    missing = [name for name, value in made.items() if value == "CHANGE_ME"]
    assert f"Fill in {', '.join(missing)} in it." in run.stdout
    assert not any(made[name] in run.stdout for name in secrets)
    assert [re.sub(r"^line \d+: ", "", problem) for problem in problems(path)] == [
        f"{name} still holds CHANGE_ME; set its real value" for name in missing
    ]


def test_every_new_file_has_secrets_of_its_own(tmp_path: Path) -> None:
    for name in ("one", "other"):
        python("new_env.py", tmp_path / name)
    one, other = (assignments((tmp_path / name).read_text(encoding="utf-8")) for name in ("one", "other"))
    same = {name for name in one if one[name] == other[name]}
    assert set(one) - same == SECRETS


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("SECRET_KEY=precious\n", encoding="utf-8")
    link.symlink_to("nowhere")
    for path in (file, link):
        run = python("new_env.py", path)
        sentence = f"Error: {path} is there already and stays as it is; for a new one, move it away first.\n"
        assert (run.returncode, run.stdout, run.stderr) == (1, "", sentence)
    assert file.read_text(encoding="utf-8") == "SECRET_KEY=precious\n"
    assert not (tmp_path / "nowhere").exists()


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / ".env.production"
    # A file may have one block, as on a disk that is full.
    command = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", sys.executable, str(SCRIPTS / "new_env.py"), str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == f"Error: {path} cannot be written: File too large.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_is_told() -> None:
    run = python("new_env.py", "/nowhere/.env.production")
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "Error: /nowhere/.env.production cannot be written: No such file or directory.\n"


@pytest.mark.parametrize("script", ["new_env.py", "check_env.py"])
def test_the_file_must_be_named(script: str) -> None:
    run = python(script)
    assert (run.returncode, run.stderr) == (1, f"Usage: {script} FILE\n")


def test_a_finished_file_can_be_used(file: Path) -> None:
    assert problems(file) == []
    text = file.read_text(encoding="utf-8")
    # With every default set, and with the host's own nginx.
    text = re.sub(r"^# ([A-Z0-9_]+=.)", r"\1", text, flags=re.MULTILINE)
    text = with_line(text, "COMPOSE_FILE=compose.prod.yaml:compose.host-expose.yaml")
    for line in ("COMPOSE_PROFILES=", "# no COMPOSE_PROFILES"):
        file.write_text(with_line(text, line).replace("COMPOSE_PROFILES=proxy\n", ""), encoding="utf-8")
        assert problems(file) == []


PROBLEMS = [
    ("SECRET_KEY=development-only-never-in-production", "SECRET_KEY is missing or the development key"),
    (f"SECRET_KEY={KEY[:49]}", "SECRET_KEY has 49 characters; use at least 50"),
    (f"SECRET_KEY=django-insecure-{KEY}", "SECRET_KEY is a placeholder"),
    ("SECRET_KEY=CHANGE_ME", "SECRET_KEY still holds CHANGE_ME; set its real value"),
    ("EMAIL_HOST=smtp.CHANGE_ME", "EMAIL_HOST still holds CHANGE_ME; set its real value"),
    ("EMAIL_HOST_USER=CHANGE_ME", "EMAIL_HOST_USER still holds CHANGE_ME; set its real value"),
    ("POSTGRES_PASSWORD=0123456789abcde", "POSTGRES_PASSWORD must have 16 or more letters, digits,"),
    ("REDIS_PASSWORD=0123456789abcdef/", "REDIS_PASSWORD must have 16 or more letters, digits,"),
    ("ALLOWED_HOSTS=*", "ALLOWED_HOSTS holds *; list the host names of the site"),
    ("ALLOWED_HOSTS='example.com, *'", "ALLOWED_HOSTS holds *; list the host names of the site"),
    (
        "CSRF_TRUSTED_ORIGINS=http://example.com",
        "CSRF_TRUSTED_ORIGINS holds http://example.com; every origin must begin with https://",
    ),
    ("CSRF_TRUSTED_ORIGINS=https://a.example,b.example", "CSRF_TRUSTED_ORIGINS must list origins such as"),
    ("COMPOSE_FILE=compose.yaml", "COMPOSE_FILE must begin with compose.prod.yaml"),
    ("COMPOSE_FILE=compose.prod.yaml.old", "COMPOSE_FILE must begin with compose.prod.yaml"),
    ("NGINX_HTTPS=off", "NGINX_HTTPS must be true or false"),
    ("NGINX_TRUSTED_PROXIES=203.0.113.0/24,cdn.example.com", "NGINX_TRUSTED_PROXIES must list networks such as"),
    ("SECURE_SSL_REDIRECT=false", "SECURE_SSL_REDIRECT is false, with which visitors log in unencrypted; remove the"),
    ("COMPOSE_PROJECT_NAME=My_Site", "COMPOSE_PROJECT_NAME must be a name such as my_site"),
    ("COMPOSE_PROFILES=nginx", "COMPOSE_PROFILES must be proxy, or nothing"),
    ("NGINX_HTTP_PORT=web", "NGINX_HTTP_PORT must be a port such as 8080 or 127.0.0.1:8080"),
    ("NGINX_HTTPS_PORT=", "NGINX_HTTPS_PORT must be a port such as 8443 or 127.0.0.1:8443"),
    ("BACKEND_HOST_PORT=127.0.0.1:8000", "BACKEND_HOST_PORT must be a port such as 8000"),
    ("BACKUPS_AT=25:00", "BACKUPS_AT must be a time of day such as 02:30"),
    ("GUNICORN_GRACEFUL_TIMEOUT=120", "GUNICORN_GRACEFUL_TIMEOUT must be 35 or less"),
    ("DEBUG=true", "DEBUG shows settings and source to visitors; remove the line"),
    ("DEBUG=false", "DEBUG shows settings and source to visitors; remove the line"),
    ("EMAIL_PROT=25", "EMAIL_PROT is not in .env.production.template; correct it to EMAIL_PORT, or remove the line"),
    ("X=1", "X is not in .env.production.template; remove the line"),
    ("MEDIA_ROOT=/srv/media", "MEDIA_ROOT is not in .env.production.template;"),
    ("export LOG_LEVEL=INFO", "this is not NAME=value, with a name in capital letters and no blank around ="),
    ("LOG_LEVEL = INFO", "this is not NAME=value, with a name in capital letters and no blank around ="),
    ("LOG_LEVEL", "this is not NAME=value, with a name in capital letters and no blank around ="),
    ("log_level=INFO", "this is not NAME=value, with a name in capital letters and no blank around ="),
]


@pytest.mark.parametrize(("line", "sentence"), PROBLEMS)
def test_a_problem_is_told_with_its_line(file: Path, line: str, sentence: str) -> None:
    text = with_line(file.read_text(encoding="utf-8"), line)
    file.write_text(text, encoding="utf-8")
    [problem] = problems(file)
    assert problem.startswith(f"line {text.splitlines().index(line) + 1}: {sentence}")


def test_what_stands_twice_is_told_with_both_lines(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    file.write_text(f"{text}EMAIL_HOST=smtp.example.com\n", encoding="utf-8")
    lines = text.splitlines()
    first = lines.index("EMAIL_HOST=filled-in.example") + 1
    assert problems(file) == [
        f"line {len(lines) + 1}: EMAIL_HOST stands in line {first} already; keep one of the two",
    ]


@pytest.mark.parametrize("name", sorted(set(in_template()[0]) - {"COMPOSE_PROFILES", "OPERATOR_TOKEN"}))
def test_what_is_required_must_be_there_and_not_empty(file: Path, name: str) -> None:
    text = file.read_text(encoding="utf-8")
    file.write_text(re.sub(rf"^{name}=.*\n", "", text, flags=re.MULTILINE), encoding="utf-8")
    assert problems(file) == [f"{name} is missing; set it as .env.production.template says"]
    for line in (f"{name}=", f"{name}=''"):
        file.write_text(with_line(text, line), encoding="utf-8")
        [problem] = problems(file)
        assert problem.endswith(f": {name} is empty; set it as .env.production.template says")


def test_all_problems_are_told_at_once(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    lines = ["SECRET_KEY=short", "REDIS_PASSWORD=short", "ALLOWED_HOSTS=*", "CSRF_TRUSTED_ORIGINS=http://x", "DEBUG=1"]
    lines += ["COMPOSE_FILE=x", "EMAIL_PROT=25", "EMAIL_HOST_PASSWORD=a b", "no assignment"]
    for line in lines:
        text = with_line(text, line)
    file.write_text(text.replace("COMPOSE_PROJECT_NAME", "# COMPOSE_PROJECT_NAME"), encoding="utf-8")
    file.chmod(0o644)
    told = "\n".join(problems(file))
    assert told.count("\n") == len(lines) + 1
    for line in lines[:-1]:
        assert re.search(rf"^line \d+: .*\b{line.partition('=')[0]}\b", told, re.MULTILINE)
    assert "\nCOMPOSE_PROJECT_NAME is missing;" in told
    assert "(mode 0644)" in told


# Compose reads the same, as `docker compose config` shows.
@pytest.mark.parametrize(
    "text",
    [
        *("a-b_c.d:e/f,g@h%i+j=k?l*m!n^o[p]q{r}", "ä", "'a b'", "''", "'$HOME `id` $(id) \"x\" # y'", "'a\\b'"),
        "'!&;|<>()~'",
    ],
)
def test_a_value_is_what_a_shell_reads(file: Path, text: str) -> None:
    file.write_text(with_line(file.read_text(encoding="utf-8"), f"EMAIL_HOST_PASSWORD={text}"), encoding="utf-8")
    assert problems(file) == []
    command = ["sh", "-c", '. "$1"; printf %s "$EMAIL_HOST_PASSWORD"', "sh", str(file)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == text.strip("'")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a b",
            "a ",
            " a",
            "a\tb",
            '"a',
            'a"',
            '"a$b"',
            '"a\\`b"',
            '"a\\"',
            "'a",
            "a'",
            "'a'b",
            "'a''b'",
            "'a'\\''b'",
            "'a\\'",
            "a\\b",
            "a\\",
        ),
        *("$a", "`a`", "a#b", "a;b", "a&b", "a|b", "a>b", "<a", "(a)", "~", "a\x07", "a\u00a0b"),
    ],
)
def test_a_value_that_is_not_just_text_must_be_quoted(file: Path, text: str) -> None:
    file.write_text(with_line(file.read_text(encoding="utf-8"), f"EMAIL_HOST_PASSWORD={text}"), encoding="utf-8")
    [problem] = problems(file)
    assert re.match(r"line \d+: EMAIL_HOST_PASSWORD is not written as Compose would read it; write it with: ", problem)


def test_check_refuses_what_the_settings_refuse(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    expected = {}
    for name in {*in_template()[0], *in_template()[1]} & READERS.keys():
        for value in WRONG.get(READERS[name].kind, [])[:1]:
            text = with_line(text, f"{name}='{value}'")
            expected[name] = READERS[name].problem(value)
    file.write_text(text, encoding="utf-8")
    found = [re.sub(r"^line \d+: ", "", problem) for problem in problems(file)]
    assert sorted(found) == sorted(f"{name} {problem}" for name, problem in expected.items())
    assert len(found) > 30


def test_services_are_stopped_after_the_longest_graceful_timeout() -> None:
    most = READERS["GUNICORN_GRACEFUL_TIMEOUT"].limits["most"]
    files = [
        ("compose.prod.yaml", r"(?s)\n  web:.*?stop_grace_period: (\d+)s"),
        ("deploy/systemd/units/web.service", r"TimeoutStopSec=(\d+)"),
    ]
    for name, pattern in files:
        if (ROOT / name).exists():
            [seconds] = re.findall(pattern, (ROOT / name).read_text(encoding="utf-8"))
            assert int(seconds) >= most + 5, name


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_can_read_or_change_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert problems(file) == [f"others than its owner may read or change it (mode {mode:04o}); run: chmod 600 {file}"]


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, file: Path) -> None:
    assert problems(tmp_path / "nowhere") == ["it is missing; make env-production makes .env.production"]
    assert problems(tmp_path) == ["it cannot be read (Is a directory); name a file that you may read"]
    file.write_bytes(b"EMAIL_HOST=\xff\n")
    assert problems(file) == ["it is not text in UTF-8; save it as that"]


def test_the_ends_of_lines_on_windows_are_one_problem(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert problems(file) == [f"its lines end as on Windows; run: sed -i 's/\\r$//' {file}"]


def test_no_secret_is_told(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    values = assignments(text)
    for name in SECRETS - {"OPERATOR_TOKEN"}:
        secret = values[name]
        lines = [f'{name}="{secret}', f"{name}={secret[:15]}", f"{name}={secret}/CHANGE_ME", f"{name} = {secret}"]
        lines += [secret, f"{secret}==", f"X{name}={secret}", f"ALLOWED_HOSTS=*,{secret}", f"COMPOSE_FILE={secret}"]
        lines += [f"CSRF_TRUSTED_ORIGINS={secret}"]
        for line in lines:
            file.write_text(with_line(text, line), encoding="utf-8")
            told = "\n".join(problems(file))
            assert told
            assert secret[:15] not in told
