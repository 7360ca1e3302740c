"""`routerlab corpus adjudicate`: decide where annotators disagree."""

from pathlib import Path
from typing import Annotated

import typer

from routerlab.cli.annotate import (
    Guidelines,
    Name,
    SessionFile,
    Theme,
    annotator,
    need_terminal,
    run,
)
from routerlab.cli.corpus.gather import Corpora, gather
from routerlab.cli.shared import options as o
from routerlab.cli.shared.early import record_early_looks


def adjudicate(
    sessions: Annotated[list[Path], typer.Argument(metavar="SESSION...", help="The annotators' sessions.")],
    name: Name = None,
    corpus: Corpora = None,
    session: SessionFile = None,
    taxonomy: o.TaxonomyFile = None,
    guidelines: Guidelines = None,
    theme: Theme = None,
) -> None:
    """Decide, with a reason, the cases that annotators labelled differently or flagged.

    Both labels and notes are shown, models' answers and gold only after the decision. Decisions are saved in
    a session of their own; `routerlab corpus promote` takes it along with the annotators'.

    Example: routerlab corpus adjudicate sessions/p.ada.toml sessions/p.ben.toml --as cyd
    """
    from routerlab.annotate.desk.adjudication import to_decide
    from routerlab.annotate.desk.open import Wanted, session_path
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.paths import sessions_dir
    from routerlab.resources import TAXONOMY

    need_terminal()
    who = annotator(name)
    labels = load_taxonomy(taxonomy or TAXONOMY)
    path = session or session_path(sessions_dir(), f"{sessions[0].stem}.decided", who)
    earlier = [path] if path.exists() else []
    record_early_looks(sessions, "corpus adjudicate")
    source = to_decide(gather([*sessions, *earlier], corpus), who, sessions)
    run(source, Wanted(who, path, labels, taxonomy or TAXONOMY, "adjudicate"), guidelines, theme)
