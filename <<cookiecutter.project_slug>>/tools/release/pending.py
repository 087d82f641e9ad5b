"""Say what the migrations since the last release do to a database on which that release serves."""

from tools.release import git, markdown
from tools.release.database import require_postgresql
from tools.release.errors import ReleaseError
from tools.release.migrations import measure, split, was_in
from tools.release.project import PYPROJECT, accepted_migrations, read


def run() -> None:
    """Print what each was seen to do; raise ReleaseError when one cannot run while the last release serves."""
    former = git.last_release() if git.is_repository() else None
    if former is None:
        print("There is no release yet, so nothing serves that a migration could be in the way of.")
        return
    there, pending = split(was_in(git.files_at(former)))
    if not pending:
        print(f"There is no migration since {former}.")
        return
    require_postgresql()
    found = measure(there, pending)
    accepted = accepted_migrations(read(PYPROJECT))
    print(markdown.render_migrations(found, former, accepted))
    if against := markdown.not_accepted(found, accepted):
        raise ReleaseError(
            f"{', '.join(against)} cannot run while {former} serves. Spread the change over two releases, or accept it "
            "as docs/maintainers/release-workflow.md says."
        )
