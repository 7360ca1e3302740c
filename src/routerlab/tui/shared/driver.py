"""How an app draws into a browser's tab: Textual's driver, which alone would outlive its server."""

import contextlib
import os
from functools import partial
from typing import Any

from textual import messages
from textual.app import App
from textual.drivers.web_driver import WebDriver


class TabDriver(WebDriver):
    """Leaves when the server has gone, and until then draws for nobody."""

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._write = partial(_send, self.fileno)

    def run_input_thread(self) -> None:
        """Read keys until the app ends, or nobody can send any more."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._app.post_message(messages.ExitApp())

    def on_meta(self, packet_type: str, payload: dict[str, object]) -> None:
        """Do what the server says; `repaint` says that a new tab looks, which has nothing yet."""
        if packet_type == "repaint":
            self._app.call_later(self._app.refresh)
        else:
            super().on_meta(packet_type, payload)


def _send(fileno: int, data: bytes) -> int:
    with contextlib.suppress(BrokenPipeError):
        return os.write(fileno, data)
    return 0
