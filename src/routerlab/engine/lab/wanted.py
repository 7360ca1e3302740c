"""Which model files arms need, and getting them: pulled from the catalogue, or made from what is pulled."""

import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from routerlab.core.errors import Exit, LabError
from routerlab.core.text import printable
from routerlab.engine.arms.cascade import member_files
from routerlab.engine.contract.router import Cascade, MadeFrom, ModelPin, load_router
from routerlab.engine.lab.specs import LENIENT, SUFFIXES, find_router, local_routers
from routerlab.models import pull as pulling
from routerlab.models.catalog import Entry, closest, find_model, load_catalog
from routerlab.models.fingerprint import file_sha256
from routerlab.models.progress import Report, Watch
from routerlab.models.quantize import quantize, type_named


@dataclass(frozen=True)
class Wanted:
    """A file of the catalogue, or with `pin` the one that a router was tuned for, made from that."""

    entry: Entry
    pin: ModelPin | None = None

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return self.pin.file if self.pin else self.entry.id


def wanted(text: str) -> list[Wanted]:
    """The files behind a catalogue id, or behind a model's arm or a router as --arm takes them; a router's
    bare name will do. LabError when there is no such thing, or nobody says where its model is to be had.
    """
    catalog = load_catalog()
    head, _, tail = text.rpartition(":")
    if entry := catalog.get(head if tail in (*SUFFIXES, LENIENT) else text):
        return [Wanted(entry)]
    if text.endswith(".toml"):
        return _of_router(Path(text))
    if tail in ("probe", "cascade"):
        return _of_router(find_router(head))
    known = {path.stem: path for path in local_routers()}
    if text in known:
        return _of_router(known[text])
    hint = closest(text, [*(e.id for e in catalog.model), *known])
    raise LabError(
        f"{printable(text)} is not in the catalogue{hint}, and no router; `routerlab models list` shows it"
    )


def _of_router(path: Path) -> list[Wanted]:
    router = load_router(path)
    if isinstance(router, Cascade):
        return [want for member in member_files(path, router) for want in _of_router(member)]
    pin, catalog = router.model, load_catalog()
    if entry := catalog.get(pin.id or ""):
        return [Wanted(entry)]
    if pin.made_from and (entry := catalog.get(pin.made_from.id or "")):
        return [Wanted(entry, pin)]
    source = f"made from {pin.made_from.file}" if pin.made_from else "a file of its own"
    raise LabError(
        f"{path}: was tuned for {printable(pin.file)}, {printable(source)}, which is in no catalogue: put it "
        "into models/ yourself",
        Exit.MISSING,
    )


def get(want: Wanted, folder: Path, report: Report, cancel: threading.Event | None = None) -> Path:
    """The wanted file in `folder`, unless it is there already.

    LabError (missing) when it cannot be had, StoppedError on `cancel`; what was downloaded, or made whole,
    stays.
    """
    if want.pin is None or want.pin.made_from is None:
        return pulling.pull(want.entry, folder, report, cancel)
    pin, watch = want.pin, Watch(report, cancel)
    target = folder / pin.file
    if target.exists() and pin.accepts(target):
        watch.note(f"{pin.file} is already here: {target}")
    else:
        to = type_named(pin.quantization)
        source = _source(want.entry, want.pin.made_from, folder, watch)
        quantize(source, to, target, report, cancel)
        watch.note(f"{pin.file} is here: {target} (made from {source.name})")
    if file_sha256(target) != pin.sha256:
        watch.note(f"{pin.file} was made here from the same source; its bytes differ from those tuned on")
    return target


def _source(entry: Entry, source: MadeFrom, folder: Path, watch: Watch) -> Path:
    """The file to make another from: one that is here, or pulled; always that which the router names."""
    with suppress(LabError):
        path = find_model(entry.id)
        if file_sha256(path) == source.sha256:
            return path
    if entry.sha256 in (None, source.sha256):
        path = pulling.pull(entry, folder, watch.report, watch.cancel)
        if file_sha256(path) == source.sha256:
            return path
    raise LabError(
        f"{entry.id}: the catalogue has another {entry.file} than the router's model was made from "
        f"({source.sha256[:12]}); tune again",
        Exit.MISSING,
    )
