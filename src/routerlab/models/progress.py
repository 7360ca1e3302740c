"""What a pull tells whoever watches it, and how it is stopped."""

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from routerlab.core.errors import Exit, LabError

Stage = Literal["download", "assemble", "quantize", "verify"]


@dataclass(frozen=True)
class Progress:
    """A note for people, or bytes done (and their total, where known) of a stage."""

    stage: Stage | Literal["note"]
    text: str = ""
    done: int = 0
    total: int | None = None


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Watch:
    """Whoever watches a pull: `report` gets what there is to tell, and `cancel`, once it is set, stops it."""

    report: Report
    cancel: threading.Event | None = None

    def note(self, text: str) -> None:
        """Tells a line for people."""
        self.report(Progress("note", text))

    def check(self) -> None:
        """Raises StoppedError when the pull was cancelled."""
        if self.cancel is not None and self.cancel.is_set():
            raise StoppedError

    def tell(self, stage: Stage, text: str, done: int, total: int | None) -> None:
        """Tells how far a stage is, unless the pull was cancelled (StoppedError)."""
        self.check()
        self.report(Progress(stage, text, done, total))


class StoppedError(LabError):
    """The pull was stopped on request; what was downloaded stays for the next time."""

    def __init__(self) -> None:
        super().__init__("stopped; what was downloaded is kept, the same command goes on", Exit.INTERRUPTED)


def human(n: float) -> str:
    """A number of bytes in decimal units, as downloads are counted: "98.4 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(n) < 1000 or unit == "GB":
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1000
    raise AssertionError("unreachable")


def check_disk(folder: Path, need: int) -> None:
    """LabError (missing) unless `folder` has `need` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < need:
        raise LabError(f"not enough disk: {human(need)} needed in {folder}, {human(free)} free", Exit.MISSING)
