"""`routerlab outcome import`: outcomes that others measured."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from routerlab.cli.outcome.options import taxonomy_of
from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import save, say
from routerlab.core.errors import LabError
from routerlab.core.text import plural


def import_(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="The table: .csv, .tsv, .jsonl, .json, .parquet, or a folder."),
    ],
    format: Annotated[
        Literal["routerarena", "routerbench", "llmrouterbench", "csv"],
        typer.Option(help="Whose table it is; csv: columns task, model, score, and what else is known."),
    ],
    out: Annotated[Path, typer.Option(metavar="SESSION.toml", help="The session to write; it must be new.")],
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Right labels: a session with one annotator, or a table of hashes and labels.",
        ),
    ] = None,
    good: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="The score from which an answer is good enough.")
    ] = 0.5,
    currency: Annotated[str, typer.Option(help="What costs are in.")] = "USD",
    name: Annotated[str | None, typer.Option(help="What to call it; by default as the file.")] = None,
    taxonomy: o.TaxonomyFile = None,
) -> None:
    """Make a session of outcomes from a table that others measured.

    Scores, costs, tokens and labels are kept; of prompts only a hash, by which routers' labels find them.

    routerarena: its cached_results, a file or the folder. routerbench: its wide table, as Parquet or CSV (a
    pickle is refused, for opening one can run anything). llmrouterbench: the folder results/bench.

    Example: routerlab outcome import cached_results --format routerarena --out outcomes.toml
    """
    from datetime import UTC, datetime

    from routerlab.study.outcome.analysis.labels import read_labels
    from routerlab.study.outcome.tables.formats import read_table, within
    from routerlab.study.outcome.tables.session import session_text

    if out.exists():
        raise LabError(f"{out}: exists already; choose another name")
    given = read_labels(labels) if labels else [None]
    if len(given) > 1:
        raise LabError(f"{labels}: has labels by {len(given)}; right ones are by one: leave the others out")
    told, clipped = within(read_table(file, format))
    called, labelling = name or file.stem, taxonomy_of(taxonomy)
    known = {one.label for one in told if one.label} | _labels(given[0])
    if strange := sorted(known - set(labelling.labels)):
        raise LabError(f"unknown label {strange[0]!r}; the taxonomy has {', '.join(labelling.labels)}")
    data = session_text(told, called, format, labelling.name, currency, good, datetime.now(UTC), given[0])
    save(out, data)
    if clipped:
        say(f"note: {plural(clipped, 'score')} a little below 0 or above 1 taken as 0 or 1")
    models, tasks = len({one.model for one in told}), len({one.task for one in told})
    say(f"{out}: {plural(tasks, 'task')}, {plural(models, 'model')}, {plural(len(told), 'outcome')}")


def _labels(given: object) -> set[str]:
    from routerlab.study.outcome.analysis.labels import Labelled

    if not isinstance(given, Labelled):
        return set()
    return {label for label in (*given.by_sha256.values(), *given.by_task.values()) if label}
