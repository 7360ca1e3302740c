"""`routerlab tune learn`: a router fitted again with what people labelled."""

import asyncio
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import say
from routerlab.cli.tune.options import Corpus, Progress, Seed, check_out, make_plan, print_done
from routerlab.core.errors import LabError
from routerlab.core.text import plural

if TYPE_CHECKING:
    from routerlab.core.corpus import Corpus as CorpusFile
    from routerlab.core.session.session import Session
    from routerlab.engine.contract.router import Router
    from routerlab.tune.cases import Training
    from routerlab.tune.learn import Learned


def learn(
    router: Annotated[Path, typer.Argument(help="The router file to go on from.")],
    session: Annotated[list[Path], typer.Option("--session", help="A session with annotations.")],
    corpus: Corpus = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The new router file; NAME-learned.toml by default.")
    ] = None,
    seed: Seed = 0,
    progress: Progress = "text",
    taxonomy: o.TaxonomyFile = None,
) -> None:
    """Fit a router's head again to the corpus and to annotated prompts, and show what changed.

    Prompts of routing60 are left out. The old router stays as it is.

    Example: routerlab tune learn routers/smollm2-135m.toml --session sessions/monday.toml
    """
    from routerlab.cli.shared.progress import teller
    from routerlab.engine.contract.router import Router, load_router
    from routerlab.engine.lab.specs import router_spec
    from routerlab.paths import routers_dir
    from routerlab.tune.learn import annotated
    from routerlab.tune.learn import learn as run

    old = load_router(router)
    if not isinstance(old, Router):
        raise LabError(f"{router}: is a cascade; name one of its members")
    path = out or routers_dir() / f"{_learned(old.name)}.toml"
    if path.resolve() == router.resolve():
        raise LabError(f"{path}: is the router to go on from, which stays as it is; choose another name")
    check_out(path, router, *session, *(corpus or ()), taxonomy)
    plan = make_plan(str(router_spec(router).model), corpus, path, taxonomy, None, seed)
    cases, notes = annotated([opened(s) for s in session], plan.training.corpus)
    notes += _left_out(old, plan.training)
    for note in (*plan.training.warnings, *notes):
        say(note)
    learned = asyncio.run(run(plan, old, cases, teller(progress)))
    if progress == "json":
        figures = {"added": learned.added, "before": learned.before, "after": learned.after}
        changed = [asdict(change) for change in learned.changed]
        print_done(
            learned.path,
            (*notes, *learned.notes),
            learned.router.evidence.row,
            learned={**figures, "changed": changed},
        )
    else:
        _print(learned)


def _learned(name: str) -> str:
    """NAME-learned; of one that has learnt before NAME-learned-2, and so on."""
    before = re.fullmatch(r"(.+)-learned(?:-(\d+))?", name)
    return f"{before[1]}-learned-{int(before[2] or 1) + 1}" if before else f"{name}-learned"


def _left_out(old: "Router", training: "Training") -> list[str]:
    """What the router was fitted to and the new head will not be, a note each."""
    learnt = "annotations" in " ".join(old.evidence.seen)
    then = {pin.sha256: pin.name for pin in old.evidence.corpora}
    if not then and not learnt:  # else it is the hash of cases and annotations together
        then = {old.evidence.corpus_sha256: old.evidence.corpus}
    now = {corpus.sha256 for corpus in training.corpora or (training.corpus,)}
    missing = [name for sha256, name in then.items() if sha256 not in now]
    notes = []
    if missing:
        notes.append(f"{', '.join(missing)}: {old.name} was fitted to that, too; name it with --corpus")
    if learnt:
        notes.append(f"{old.name} had learnt from annotations before: name their sessions again, too")
    return [f"the new head will know nothing of what is not named: {note}" for note in notes]


def opened(path: Path) -> "tuple[Session, CorpusFile | None]":
    """A session, and the corpus that it pins if that is here."""
    from routerlab.annotate.ratings.pinned import pinned_corpus
    from routerlab.core.session.file import read_session

    session = read_session(path).session
    pin = session.header.corpus
    return session, pinned_corpus(pin, path) if pin else None


def _print(learned: "Learned") -> None:
    from routerlab.cli.shared.show import new_table, print_table
    from routerlab.cli.shared.tables import cell

    print(
        f"accuracy {learned.before:.3f} -> {learned.after:.3f} (cross-validated, the same cases), "
        f"{plural(learned.added, 'annotation')} learnt from"
    )
    if learned.changed:
        table = new_table("prompt", "annotated", "before", "after")
        for c in learned.changed:
            table.add_row(cell(c.prompt[:60]), cell(c.gold), cell(c.before), cell(c.after))
        print_table(table)
    say(f"wrote {learned.path}; ask it with --arm {learned.path}")
