"""`routerlab corpus agreement`: how far annotators agree, and what is left to adjudicate."""

from pathlib import Path
from typing import Annotated

import typer

from routerlab.cli.corpus.gather import Corpora, gather
from routerlab.cli.shared import options as o
from routerlab.cli.shared.early import record_early_looks
from routerlab.cli.shared.show import say
from routerlab.core.errors import LabError


def agreement(
    sessions: Annotated[list[Path], typer.Argument(metavar="SESSION...", help="The annotators' sessions.")],
    rater: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this rater; may be given several times.")
    ] = None,
    models: Annotated[
        bool, typer.Option("--models", help="The models of the sessions are raters too.")
    ] = False,
    gold: Annotated[bool, typer.Option("--gold", help="The gold labels are a rater too.")] = False,
    blind: Annotated[
        bool, typer.Option("--blind", help="Count only labels given before anything was shown.")
    ] = False,
    corpus: Corpora = None,
    pair: Annotated[
        str | None, typer.Option(metavar="A,B", help="Whose confusion table (default: the first two).")
    ] = None,
    resamples: Annotated[
        int, typer.Option(min=100, max=100_000, help="How often the intervals draw the prompts anew.")
    ] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the intervals.")] = 0,
    shape: o.Format = "table",
) -> None:
    """Say how far annotators agree: raw, beyond chance, by label; and list what is to be adjudicated.

    Annotators meet on a prompt, whichever file they found it in. Cohen's kappa fits two who labelled the same
    prompts, Fleiss' kappa more of them, Krippendorff's alpha where some labels lack. Intervals are 95 %
    bootstrap intervals over prompts. An annotator's latest submitted label counts.

    Example: routerlab corpus agreement sessions/p.ada.toml sessions/p.ben.toml
    """
    from routerlab.annotate.ratings.agreement import agreement as agree
    from routerlab.annotate.ratings.agreement import chosen, raters
    from routerlab.cli.corpus.tables import as_json, print_tables
    from routerlab.cli.shared.show import print_json

    record_early_looks(sessions, "corpus agreement")
    collected = gather(sessions, corpus)
    by = chosen(raters(collected, models, gold), rater or ())
    a, b = _pair(pair, [r.name for r in by])
    found = agree(collected, by, blind, resamples, seed)
    notes = (*collected.notes, *found.notes)
    if shape == "json":
        facts = {
            "sessions": [{"file": str(path), "id": session} for path, session in collected.sessions.items()]
        }
        print_json({**facts, **as_json(found, a, b), "resamples": resamples, "seed": seed, "notes": notes})
    else:
        print_tables(found, a, b)
    for note in notes:
        say(note)


def _pair(text: str | None, names: list[str]) -> tuple[str, str]:
    """The two raters of "A,B" (a name may have commas); the first two without it."""
    if text is None:
        return names[0], names[1]
    parts = text.split(",")
    for i in range(1, len(parts)):
        a, b = ",".join(parts[:i]).strip(), ",".join(parts[i:]).strip()
        if a in names and b in names and a != b:
            return a, b
    raise LabError(f"--pair {text}: give two of the raters with a comma between: {', '.join(names)}")
