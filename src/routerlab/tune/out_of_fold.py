"""Out-of-fold answers, kept beside a router: what cascades are chosen with, without asking a model again."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routerlab.core.errors import LabError
from routerlab.engine.contract.router import FilePin


@dataclass(frozen=True)
class OutOfFold:
    """`shares` (n, labels) of the cases `ids` by heads that had not seen them; `times` (n,) are milliseconds
    of the finished router, NaN where it was not timed; `familiarity` (n,) is None in earlier files."""

    ids: tuple[str, ...]
    gold: NDArray[np.int64]
    shares: NDArray[np.float64]
    times: NDArray[np.float64]
    hard: NDArray[np.bool_]
    familiarity: NDArray[np.float64] | None = None


def oof_bytes(oof: OutOfFold) -> bytes:
    """The answers as an .npz file without pickle."""
    buffer = io.BytesIO()
    known: dict[str, Any] = {}
    if oof.familiarity is not None:
        known["familiarity"] = oof.familiarity.astype(np.float32)
    np.savez_compressed(
        buffer,
        ids=np.array(oof.ids),
        gold=oof.gold.astype(np.int16),
        shares=oof.shares.astype(np.float32),
        times=oof.times.astype(np.float32),
        hard=oof.hard,
        **known,
    )
    return buffer.getvalue()


def load_oof(folder: Path, pin: FilePin | None, name: str) -> OutOfFold:
    """The answers that a router's evidence pins; LabError when there are none or they are not those."""
    if pin is None:
        raise LabError(f"router {name}: has no out-of-fold answers; tune it again")
    path = folder / pin.file
    try:
        data = path.read_bytes()
    except OSError as e:
        raise LabError(f"{path}: cannot be read: {e.strerror}; tune {name} again") from e
    if hashlib.sha256(data).hexdigest() != pin.sha256:
        raise LabError(f"{path}: is not the file that router {name} pins; tune it again")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            ids = tuple(str(i) for i in file["ids"])
            return OutOfFold(
                ids,
                file["gold"].astype(np.int64),
                file["shares"].astype(np.float64),
                file["times"].astype(np.float64),
                file["hard"].astype(bool),
                file["familiarity"].astype(np.float64) if "familiarity" in file else None,
            )
    except Exception as e:  # a damaged archive raises anything
        raise LabError(f"{path}: holds no answers: {e}") from e
