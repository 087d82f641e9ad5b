"""Which versions a release may have, and what the command line says of others."""

import pytest

from tools.release.__main__ import run
from tools.release.project import ReleaseError, Version, greatest, parse


def test_a_version_is_three_numbers() -> None:
    assert parse("1.20.3") == Version(1, 20, 3)
    assert str(Version(1, 20, 3)) == "1.20.3"
    assert Version(1, 20, 3).tag == "v1.20.3"


@pytest.mark.parametrize("text", ["1.2", "v1.2.3", "1.2.3.4", "01.2.3", "1.2.3-rc.1", "1.2.3 ", "one"])
@pytest.mark.parametrize("command", ["new", "check", "tag"])
def test_anything_else_is_refused(command: str, text: str) -> None:
    with pytest.raises(ReleaseError, match=r"^Expected a version X\.Y\.Z"):
        run([command, text])


@pytest.mark.parametrize("command", ["new", "check", "tag"])
def test_a_missing_version_is_asked_for(command: str) -> None:
    with pytest.raises(ReleaseError, match=r"^VERSION is missing. Add it to the command, such as VERSION=1\.2\.3\.$"):
        run([command, ""])


@pytest.mark.parametrize("arguments", [[], ["new"], ["publish", "1.2.3"], ["new", "1.2.3", "4"], ["migrations", "1"]])
def test_another_command_is_answered_with_those_that_there_are(arguments: list[str]) -> None:
    with pytest.raises(ReleaseError, match=r"Usage: python -m tools.release new\|check\|tag VERSION"):
        run(arguments)


def test_numbers_are_compared_as_numbers_and_other_tags_do_not_count() -> None:
    assert greatest(["v0.9.0", "v0.10.0", "v0.10.0-rc.1", "0.11.0", "v2", "latest"]) == Version(0, 10, 0)
    assert greatest(["latest"]) is None
