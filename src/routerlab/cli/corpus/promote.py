"""`routerlab corpus promote`: labels of sessions become cases of a corpus."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from routerlab.cli.corpus.gather import Corpora, gather
from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import say
from routerlab.core.errors import LabError


def promote(
    sessions: Annotated[
        list[Path], typer.Argument(metavar="SESSION...", help="The annotators' and adjudicators' sessions.")
    ],
    into: Annotated[Path, typer.Option(metavar="CORPUS", help="The corpus to add to.")],
    least: Annotated[
        int, typer.Option(min=1, help="Annotators who must have submitted the label, all the same.")
    ] = 1,
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave out what is refused, and promote the rest.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; write.")] = False,
    prefix: Annotated[
        str | None,
        typer.Option(metavar="ID", help="New ids are ID-001 and so on (default: the corpus's name)."),
    ] = None,
    corpus: Corpora = None,
    taxonomy: o.TaxonomyFile = None,
) -> None:
    """Add what annotators agree on, or an adjudicator decided, to a corpus, with who said so and when.

    The change is shown as a diff, then asked for. Nothing else in CORPUS changes: a prompt that it has
    without a label gets one, all others become new cases at its end. Flagged prompts are left out unless
    they were decided. Duplicates, conflicts, labels that the taxonomy has not, and prompts of the held-out
    test are refused: then nothing is written, unless --skip leaves them out.

    Example: routerlab corpus promote sessions/p.ada.toml sessions/p.ben.toml --into mine.toml --least 2
    """
    from routerlab.annotate.corpus.file import difference, held, promoted, replace
    from routerlab.annotate.corpus.promote import default_prefix, promotion
    from routerlab.core.corpus import fold
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.core.text import printable
    from routerlab.resources import ROUTING60, TAXONOMY
    from routerlab.tune.cases import held_out

    labels = load_taxonomy(taxonomy or TAXONOMY)
    test = held_out()
    with held(into, labels) as old:
        if old.corpus.sha256 == test.sha256 or old.path == ROUTING60.resolve():
            raise LabError(
                f"{into}: is routing60, the held-out test, which stays as it is; name another corpus"
            )
        collected = gather(sessions, corpus)
        found = promotion(
            collected,
            old.corpus.case,
            labels,
            {fold(case.prompt): case.id for case in test.case},
            prefix or default_prefix(old.corpus.name),
            least,
        )
        told = [*collected.notes, *(f"left out: {line}" for line in found.left_out)]
        told += [*(f"refused: {line}" for line in found.refused), *found.near]
        for line in told:
            say(line)
        if found.refused and not skip:
            raise LabError(
                f"nothing written: {len(found.refused)} refused; decide conflicts with `routerlab corpus "
                "adjudicate` or correct the file, or leave these out with --skip"
            )
        if not (found.added or found.filled):
            say("nothing to add")
            return
        numbers = (_number(len(found.added), "case"), _number(len(found.filled), "label"))
        counts = " and ".join(filter(None, numbers))
        data = promoted(old, found)
        for line in difference(old, data):
            typer.echo(printable(line))
        if yes or _said_yes(f"add {counts} to {printable(str(into))}?"):
            replace(old, data)
            say(f"{into}: {counts} added")
        else:
            say("nothing written")


def _number(n: int, what: str) -> str:
    return f"{n} {what}{'s' if n > 1 else ''}" if n else ""


def _said_yes(question: str) -> bool:
    """Whether a person at the terminal says yes; LabError when there is none."""
    if not sys.stdin.isatty():
        raise LabError("nothing written: say --yes")
    return typer.confirm(question, err=True)
