"""A real terminal for tests: a program on a pseudo-terminal, its screen emulated by pyte."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

import pyte

from tests.conftest import PATIENCE_S


class Terminal:
    """Runs `command` on a terminal of the given size; what it drew is in `text`."""

    def __init__(
        self,
        command: Sequence[str],
        cwd: str,
        env: Mapping[str, str],
        columns: int = 120,
        rows: int = 40,
        kind: str = "xterm-256color",
    ) -> None:
        self.raw = b""
        self.exit_code: int | None = None
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._text: str | None = None
        size = struct.pack("HHHH", rows, columns, 0, 0)
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, size)
            os.chdir(cwd)
            os.execve(command[0], list(command), {**env, "TERM": kind})
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, size)

    @property
    def text(self) -> str:
        """The screen as lines of text."""
        if self._text is None:
            self._text = "\n".join(line.rstrip() for line in self._screen.display)
        return self._text

    def send(self, keys: str) -> None:
        """Type."""
        os.write(self._fd, keys.encode())

    def wait_for(self, *wanted: str) -> None:
        """Read until all of `wanted` are on the screen; AssertionError with the screen otherwise."""
        self.wait_until(lambda: all(w in self.text for w in wanted), str(wanted))

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Read until the condition holds; AssertionError with the screen otherwise."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self._read(deadline), f"ended without {what}\n{self.text}"
            assert time.monotonic() < deadline, f"no {what} in {PATIENCE_S:.0f} s\n{self.text}"

    def wait_end(self) -> int:
        """Read until the program has ended; its exit code (negative: the signal)."""
        deadline = time.monotonic() + PATIENCE_S
        while self._read(deadline):
            assert time.monotonic() < deadline, f"still running\n{self.text}"
        if self.exit_code is None:
            self.exit_code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.exit_code

    def kill(self, sign: signal.Signals) -> None:
        """Send a signal to the program."""
        os.kill(self.pid, sign)

    def _read(self, deadline: float) -> bool:
        """Take what there is within a moment; False at the end of the output."""
        if not select.select([self._fd], [], [], min(0.1, max(0.0, deadline - time.monotonic())))[0]:
            return True
        try:
            data = os.read(self._fd, 65536)
        except OSError:
            return False
        self.raw += data
        self._stream.feed(data)
        self._text = None
        return bool(data)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.exit_code is None:
            self.kill(signal.SIGKILL)
            self.wait_end()
        os.close(self._fd)
