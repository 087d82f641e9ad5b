"""A slug may be a word that PostgreSQL or YAML keeps for itself."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import PARSERS, Project
from tests.support.servers import Server, find

# What follows these words in a statement is the name of a role or of a database.
UNQUOTED = r"\b(ROLE|DATABASE|OWNER|GRANT .* TO)( IF EXISTS)? order\b"
STATEMENT = re.compile(r'echo "((?:CREATE|ALTER) ROLE .*)" \|')


@pytest.fixture
def psql(postgresql: Server, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Run psql, or a shell script in which ``runuser`` and ``sudo`` run a program as who they are, as a superuser."""
    url = urlsplit(postgresql.url)
    (tmp_path / "psql").symlink_to(find("psql", "postgresql-client"))
    # provision runs psql as the user postgres, which on its server is the superuser; here that is the role app.
    (tmp_path / "runuser").write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n')
    (tmp_path / "runuser").chmod(0o755)
    environment = os.environ | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(url.port),
        "PGUSER": "app",
        "PGPASSWORD": "secret",
        "PGDATABASE": "postgres",
    }

    def run(*command: str, text: str = "", **variables: str) -> str:
        arguments = command or (
            "psql",
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--set=ON_ERROR_STOP=1",
        )
        result = subprocess.run(
            arguments, env=environment | variables, input=text, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    yield run
    run(text='DROP DATABASE IF EXISTS "order"')
    run(text='DROP ROLE IF EXISTS "order"; DROP ROLE IF EXISTS postgres')


class TestReservedWordOfPostgreSQL:
    OWNED = "SELECT rolcreatedb, datname FROM pg_database JOIN pg_roles r ON r.oid = datdba WHERE rolname = 'order'"

    @pytest.fixture
    def project(self, bake: Callable[..., Project]) -> Project:
        return bake(project_slug="order")

    def test_provision_creates_the_role_and_the_database(self, project: Project, psql: Callable[..., str]) -> None:
        script = project.read("deploy/systemd/bin/provision")
        [block] = re.findall(r"^    password=\$\(sed .*?(?=^fi$)", script, re.MULTILINE | re.DOTALL)
        block = f"did() {{ :; }}\n{block}"
        for is_fresh in ("", "yes"):  # for a new role, and for one that is there with a new environment file
            psql("sh", "-euc", block, project="order", is_fresh=is_fresh, environment="/dev/null")
        psql(text='ALTER ROLE "order" NOCREATEDB')
        psql("sh", "-euc", block, project="order", is_fresh="", environment="/dev/null")
        assert psql(text=self.OWNED) == "t|order"

    def test_the_container_creates_the_role_and_the_database(self, project: Project, psql: Callable[..., str]) -> None:
        psql(text="CREATE ROLE postgres")
        psql(text=project.read("deploy/docker/image/database.sql"), POSTGRES_PASSWORD="secret")
        assert psql(text=self.OWNED) == "t|order"

    def test_documents_create_and_change_the_role(self, project: Project, psql: Callable[..., str]) -> None:
        names = ("docs/deployment/systemd.md", "docs/runbooks/rotate-secrets.md")
        statements = [statement for name in names for statement in STATEMENT.findall(project.read(name))]
        assert [statement.split()[0] for statement in statements] == ["CREATE", "ALTER", "ALTER"]
        for statement in statements:
            psql(text=psql("sh", "-euc", f'echo "{statement}"', database="secret", password="secret"))
        assert psql(text="SELECT rolcreatedb FROM pg_roles WHERE rolname = 'order'") == "t"

    def test_no_file_has_a_name_without_quotes(self, project: Project) -> None:
        found = [(name, re.search(UNQUOTED, project.read(name))) for name in project.files()]
        assert [(name, match) for name, match in found if match] == []


def replaced(value: Any, text: str, replacement: str) -> Any:
    """Return data with a text replaced in all of its texts."""
    if isinstance(value, dict):
        return {replaced(key, text, replacement): replaced(item, text, replacement) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, text, replacement) for item in value]
    return value.replace(text, replacement) if isinstance(value, str) else value


@pytest.mark.parametrize("answers", [{}, {"ci_provider": "gitlab"}], ids=["github", "gitlab"])
@pytest.mark.parametrize("slug", ["null", "on"])
def test_a_value_of_yaml_is_a_text(bake: Callable[..., Project], slug: str, answers: dict[str, str]) -> None:
    usual, project = (bake(project_slug=each, **answers) for each in ("zebra", slug))
    for name in usual.files():
        if parse := PARSERS.get(Path(name).suffix):
            assert parse(project.read(name)) == replaced(parse(usual.read(name)), "zebra", slug), name
