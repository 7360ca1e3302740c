"""What there is to open: sessions, trials that are not over, corpora, routers, models. Read off the loop."""

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from routerlab.core.errors import LabError
from routerlab.core.files.newest import newest
from routerlab.core.files.toml import read_bytes
from routerlab.core.session.file import peek_session
from routerlab.core.text import plural, printable
from routerlab.engine.contract.router import Cascade, Router, load_router
from routerlab.engine.lab.specs import local_routers, router_spec
from routerlab.models.progress import human
from routerlab.models.stock import Stock, stock
from routerlab.paths import sessions_dir, tour_file
from routerlab.resources import ROUTING60
from routerlab.tui.shared.text import duration, milliseconds, probability

RECENT = 6
"""Sessions that are listed, the newest."""

Kind = Literal["session", "result", "trial", "labels", "corpus", "router", "model", "pull"]
SECTIONS: dict[str, tuple[Kind, ...]] = {
    "Trials that are not over": ("trial",),
    "Recent sessions": ("session", "result", "labels"),
    "Corpora": ("corpus",),
    "Routers": ("router",),
    "Models": ("model", "pull"),
}
DOES: dict[Kind, str] = {
    "session": "opens it in the Lab and goes on there; R shows its figures in Results",
    "result": "shows it in Results",
    "trial": "says how to go on with it; what came of it so far is not to be seen",
    "labels": "goes on labelling in Annotate",
    "corpus": "labels it in Annotate; L opens it in the Lab, to be replayed",
    "router": "adds it to the Lab, or gets its model in Models where that is not here",
    "model": "adds it to the Lab",
    "pull": "shows it in Models, where p pulls it",
}
"""What Enter does."""


@dataclass(frozen=True)
class Entry:
    """A line of Home: what it is, its name, what is known of it; `path` or else `name` is what is opened.
    `ready` is whether all that it needs is here."""

    kind: Kind
    name: str
    facts: str = field(compare=False)
    path: Path | None = None
    more: str = field(default="", compare=False)
    ready: bool = True


def entries() -> tuple[list[Entry], list[str]]:
    """All there is, in the order of the sections, and what could not be read."""
    faults: list[str] = []
    found = [*_sessions(faults), *_corpora(), *_routers(faults)]
    with suppress(LabError):
        found += _models(stock())
    kinds = [kind for of in SECTIONS.values() for kind in of]
    order = {kind: next(i for i, of in enumerate(SECTIONS.values()) if kind in of) for kind in kinds}
    return sorted(found, key=lambda entry: order[entry.kind]), faults


def offers_tour() -> bool:
    """Whether nobody began the tour yet, or declined it."""
    return not tour_file().exists()


def note_tour() -> None:
    """It was begun, or declined: it is not offered again. Where that cannot be written down, it is."""
    with suppress(OSError):
        tour_file().parent.mkdir(parents=True, exist_ok=True)
        tour_file().touch()


def _sessions(faults: list[str]) -> Iterator[Entry]:
    for path in newest(sessions_dir(), "*.toml")[:RECENT]:
        try:
            yield _session(path)
        except (LabError, OSError) as e:
            faults.append(str(e))


def _session(path: Path) -> Entry:
    header, counts = peek_session(path)
    ago = duration(max(0.0, datetime.now(UTC).timestamp() - path.stat().st_mtime))
    counted = ((counts["trial"], "answer"), (counts["annotation"], "annotation"))
    facts = ", ".join(
        [
            *(plural(n, noun) for n, noun in counted if n),
            *([f"on {printable(header.corpus.name)}"] if header.corpus else []),
        ]
    )
    more = f"begun {header.created:%Y-%m-%d %H:%M} UTC, last written {ago} ago"
    title = printable(header.title or path.stem)
    if counts["run"]:
        run = _last(path, "run")
        title = printable(header.title or str(run.get("name", path.stem)))
        if run.get("kind") == "trial" and not _ended(path):
            again = printable(str(run.get("command", "")))
            each = _planned(str(run.get("plan")))
            facts = f"{plural(counts['trial'], 'session')} answered, {each} planned an arm"
            return Entry("trial", title, facts, path, f"{more}; {again}")
        return Entry("result", title, facts, path, f"a {run.get('kind')}; {more}")
    if counts["queue"]:
        source = _last(path, "queue").get("source")
        named = Path(str(source.get("path", ""))) if isinstance(source, dict) else Path()
        return Entry("labels", title, facts, named, f"of {printable(str(named))}; {more}", named.exists())
    return Entry("session", title, facts or "nothing asked yet", path, more)


def _last(path: Path, table: str) -> dict[str, object]:
    """The last record of this kind, as its fragment says; {} where that cannot be read."""
    found = re.findall(rb"^\[\[" + table.encode() + rb"\]\]$.*?(?=^\[\[|\Z)", read_bytes(path), re.M | re.S)
    with suppress(ValueError, LookupError):
        record = tomllib.loads(found[-1].decode())[table][0]
        return dict(record)
    return {}


def _planned(lock: str) -> str:
    """How many sessions a trial's lock plans for each arm, as people read it."""
    try:
        return f"{int(json.loads(json.loads(lock)['protocol'])['sessions']):,}"
    except (ValueError, LookupError, TypeError):
        return "?"


def _ended(path: Path) -> bool:
    """Whether a trial's session says that it is over."""
    return re.search(rb'^kind = "end"$', read_bytes(path), re.MULTILINE) is not None


def _corpora() -> Iterator[Entry]:
    """Files of cases with their prompts: in ./corpus, beside the sessions, and those that ship."""
    seen: set[str] = set()
    for folder in (Path("corpus"), sessions_dir() / "corpora", ROUTING60.parent):
        for path in sorted(folder.glob("*.toml")):
            with suppress(LabError, ValueError):
                data = read_bytes(path)
                head = tomllib.loads(data.partition(b"\n[[")[0].decode())
                cases = len(re.findall(rb"^\[\[case\]\]", data, re.MULTILINE))
                prompts = len(re.findall(rb"^prompt =", data, re.MULTILINE))
                if cases and prompts >= cases and path.name not in seen:
                    seen.add(path.name)
                    about = printable(str(head.get("description", "")))
                    yield Entry("corpus", printable(path.stem), plural(cases, "case"), path, about)


def _routers(faults: list[str]) -> Iterator[Entry]:
    for path in local_routers():
        try:
            router = load_router(path)
        except LabError as e:
            faults.append(str(e))
            continue
        try:
            router_spec(path)
        except LabError as e:
            yield Entry("router", router.name, _evidence(router), path, str(e), ready=False)
        else:
            cases = plural(router.evidence.cases, "case")
            about = f"{router.contract}, fitted to {cases} of {router.evidence.corpus}"
            yield Entry("router", router.name, _evidence(router), path, printable(about))


def _evidence(router: Router | Cascade) -> str:
    """The first row of its table, which is its own: accuracy with its interval, and P95."""
    if not router.evidence.row:
        return "not measured"
    row = router.evidence.row[0]
    interval = f"{probability(row.low)} to {probability(row.high)}"
    times = f", P95 {milliseconds(row.p95)}" if row.p95 is not None else ""
    return f"accuracy {probability(row.accuracy)} ({interval}){times}"


def _models(rows: Sequence[Stock]) -> Iterator[Entry]:
    """Those that are here, else those that one begins with."""
    for row in rows:
        size = human(row.size) if row.size else ""
        facts = ", ".join(filter(None, (row.parameters, row.quantization, size)))
        if row.path is not None:
            yield Entry("model", printable(row.id), facts, row.path, row.notes)
        elif row.starter:
            yield Entry("pull", printable(row.id), f"{facts}, to pull", None, row.notes, ready=False)
