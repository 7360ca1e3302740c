"""Entry point: answers `--version` before anything heavy is imported, and ends with documented exit codes."""

import os
import sys

from routerlab.version import __version__


def main() -> None:
    """Run the command line; never returns. Exit codes: see `routerlab.core.errors.Exit`."""
    if sys.argv[1:] == ["--version"]:
        print(f"routerlab {__version__}")
        sys.exit(0)
    from routerlab.cli.main import run

    code = run()
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


if __name__ == "__main__":
    main()
