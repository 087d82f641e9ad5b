"""Generate a project from a commit of the template, in a folder that is thrown away."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drift.errors import DriftError
from drift.template import Template

Answers = dict[str, Any]


@dataclass(frozen=True)
class Rendered:
    """A generated project, and every answer that it was generated with."""

    folder: Path
    answers: Answers


def render(template: Template, commit: str, answers: Answers, work: Path, *, hooks: bool = True) -> Rendered:
    """Generate a project below ``work``; raise DriftError with the template's reason when it refuses the answers.

    What ``answers`` leaves out has the template's default, whatever the user's own configuration says.
    """
    checkout = template.checkout(commit, work)
    work = Path(tempfile.mkdtemp(dir=work))
    (work / "output").mkdir()
    configuration = {"cookiecutters_dir": str(work / "templates"), "replay_dir": str(work / "replay")}
    (work / "configuration").write_text(json.dumps(configuration), encoding="utf-8")
    job = {
        "template": str(checkout),
        "answers": answers,
        "hooks": hooks,
        "folder": str(work / "output"),
        "configuration": str(work / "configuration"),
    }
    run = subprocess.run(
        # -P: modules of the same name that lie here must not stand in the way of the template's own.
        [sys.executable, "-P", Path(__file__).with_name("generate.py")],
        cwd=work,
        input=json.dumps(job),
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
    )
    if run.returncode != 0:
        version = template.version(commit)
        raise DriftError(f"The template's {version} cannot be generated with these answers:\n{run.stderr.strip()}")
    [folder] = (work / "output").iterdir()
    [replay] = (work / "replay").iterdir()
    context = json.loads(replay.read_text(encoding="utf-8"))["cookiecutter"]
    return Rendered(folder, {name: answer for name, answer in context.items() if not name.startswith("_")})
