"""Whether the code of the former release can serve once a migration has run, judged by the migration's SQL."""

import re
from collections.abc import Set

from django_migration_linter.sql_analyser.analyser import analyse_sql_statements
from django_migration_linter.sql_analyser.postgresql import PostgresqlAnalyser

# What django-migration-linter calls an error, and what follows from it.
CONSEQUENCES = {
    "RENAME_TABLE": "it renames a table, and the former code asks for the old name",
    "NOT_NULL": "it makes a column NOT NULL, and the former code writes rows without a value for it",
    "DROP_COLUMN": "it drops a column, and the former code asks for it",
    "DROP_TABLE": "it drops a table, and the former code asks for it",
    "RENAME_COLUMN": "it renames a column, and the former code asks for the old name",
    "ALTER_COLUMN": "it changes the type of a column, which the former code may not be able to live with",
    "ADD_UNIQUE": "it makes values unique, and the former code writes some twice",
}
# What it has no check for.
CONSTRAINT = re.compile(r"\bADD CONSTRAINT .*?\b(?:CHECK|EXCLUDE|FOREIGN KEY)\b", re.DOTALL)
CONSTRAINED = "it forbids values in a table, and the former code may write them"
DEFINITION = re.compile(r"ALTER|CREATE|DROP")
TABLE = re.compile(r'\b(?:TABLE|ON)(?: ONLY| IF EXISTS)? "([^"]+)"')


def incompatibilities(statements: list[str], known_tables: Set[str]) -> list[str]:
    """Return why the former code, which knows these tables, cannot serve after the statements; nothing, when it can."""
    definitions = [sql for sql in map(_normal, statements) if DEFINITION.match(sql)]
    relevant = [sql for sql in definitions if _concerns(sql, known_tables)]
    errors, _, _ = analyse_sql_statements(PostgresqlAnalyser, relevant)
    found = [CONSEQUENCES.get(error.code, error.message) for error in errors]
    found += [CONSTRAINED for sql in relevant if CONSTRAINT.search(sql)]
    return list(dict.fromkeys(found))


def _normal(sql: str) -> str:
    """Return a statement as Django writes it: on one line, without comments, its keywords in capital letters."""
    parts = re.findall(r"""--[^\n]*|"[^"]*"|'[^']*'|\s+|[^\s"'-]+|.""", sql)
    words = (" " if part.isspace() or part.startswith("--") else part for part in parts)
    return "".join(word if word[0] in "\"'" else word.upper() for word in words).strip()


def _concerns(sql: str, known_tables: Set[str]) -> bool:
    """Say whether a statement is about one of the tables, or about something that cannot be told from its text."""
    table = TABLE.search(sql)
    return table is None or table[1] in known_tables
