"""Entry point: answers `--version` before anything heavy is imported, and ends with documented exit codes."""

import errno
import os
import sys
from contextlib import suppress

from routerlab.version import __version__

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""What a disk answers that takes no more; a file that cannot be opened is another error, with its name."""


def main() -> None:
    """Run the command line; never returns. Exit codes: see `routerlab.core.errors.Exit`."""
    _open_closed()
    code = 0
    try:
        code = _run()
        sys.stdout.flush()
    except OSError as e:
        code = _unwritten(e, code)
    sys.exit(code)


def _run() -> int:
    if sys.argv[1:] == ["--version"]:
        print(f"routerlab {__version__}")
        return 0
    from routerlab.cli.main import run

    return run()


def _open_closed() -> None:
    """What the shell has closed (`>&-`) leads nowhere: else the next file that is opened took its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def _unwritten(error: OSError, code: int) -> int:
    """The exit code where no more can be written: that of the command if it failed before its reader went.
    Any other error is raised."""
    from routerlab.cli.main import READER_GONE
    from routerlab.core.errors import Exit

    gone = isinstance(error, BrokenPipeError)
    if not gone and (error.filename is not None or error.errno not in FULL):
        raise error
    with suppress(OSError):
        if not gone:
            print(f"error: output cannot be written: {error.strerror}; make room for it", file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # else Python tries again when it ends, and complains
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code or READER_GONE if gone else Exit.USAGE


if __name__ == "__main__":
    main()
