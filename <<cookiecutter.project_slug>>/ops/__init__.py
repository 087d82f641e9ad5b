"""Code that the template owns: health checks, preflight, backups, read-only mode and observability."""

import sys

# It uses locks and signals of Unix.
if sys.platform == "win32":
    sys.exit("Error: this project does not run on Windows itself. Run it in WSL, the Windows Subsystem for Linux.")
