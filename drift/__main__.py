"""The program ``drift``, also as ``python -m drift``."""

import sys

INTERRUPTED = 130


def main() -> int:
    """Run the command; return its exit status, which is 130 when Ctrl-C has ended it, even while it was loading."""
    try:
        from drift.cli import main as run

        return run()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
