"""The program ``drift``, also as ``python -m drift``."""

import sys
import traceback

from drift import streams
from drift.errors import DriftError

INTERRUPTED = 130
FAILED = 2


def main() -> int:
    """Run the command; return its exit status, which is 130 when Ctrl-C has ended it, even while it was loading.

    Status 1 means that something differs, so a fault of drift itself, with its traceback, ends with 2 as errors do.
    """
    if sys.platform == "win32":
        print("Error: drift does not run on Windows itself. Run it in WSL.", file=sys.stderr)
        return FAILED
    try:
        streams.prepare()
        from drift.cli import main as run

        try:
            return run()
        finally:
            sys.stdout.flush()  # which would fail later, with another status
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        streams.discard_output()
        return 0
    except DriftError as error:
        print(f"Error: {error}", file=sys.stderr)
        return FAILED
    except Exception:  # noqa: BLE001 - it is shown
        traceback.print_exc()
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
