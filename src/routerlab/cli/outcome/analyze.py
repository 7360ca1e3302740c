"""`routerlab outcome analyze` and `report`: what any policy would have got from these outcomes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.outcome import options as oo
from routerlab.cli.shared import options as o
from routerlab.core.errors import LabError

if TYPE_CHECKING:
    from routerlab.study.outcome.analysis.result import OutcomeResult


def analyze(
    session: oo.OutcomeSession,
    labels: oo.Labels = None,
    routes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The routing table; without one every labeller gets the table that suits it best.",
        ),
    ] = None,
    direct: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.npz",
            help="Features of the prompts, from `outcome labels --features`: judge a direct router, too.",
        ),
    ] = None,
    judged: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="What `outcome judge` has written of this session: a section of its own in the report.",
        ),
    ] = None,
    worth: oo.Worth = 0.02,
    resamples: Annotated[int, typer.Option(min=200, help="Draws of bootstraps and permutations.")] = 10_000,
    seed: oo.Seed = 0,
    taxonomy: o.TaxonomyFile = None,
    format: o.Format = "table",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Save the result as JSON.")] = None,
) -> None:
    """Judge every way of routing by measured answers: quality, cost, the effect of a right label, a verdict.

    Nobody is asked again. Ways are the control, each model alone, random ones, each router and annotator by
    the routing table, right labels, tables learned from these outcomes (each task by one that was fitted to
    others), and an oracle. Intervals are by bootstrap over tasks; variants of a task are drawn together.

    Example: routerlab outcome analyze outcomes.toml --labels labels.csv --routes routes.toml
    """
    import hashlib

    from routerlab.cli.shared.show import not_over, print_json, save_json
    from routerlab.core.files.toml import read_bytes
    from routerlab.study.figures.arm import Settings
    from routerlab.study.outcome.analysis.analysis import analyse
    from routerlab.study.outcome.load import load_matrix
    from routerlab.study.outcome.tables.prompts import load_features
    from routerlab.study.routing_table import load_routes

    not_over(out, session, *(labels or ()), routes, direct, *(judged or ()))
    table = load_routes(routes, oo.taxonomy_of(taxonomy)) if routes else None
    result = analyse(
        load_matrix(session),
        session.name,
        oo.read_all(labels),
        table,
        load_features(direct) if direct else None,
        Settings(resamples=resamples, seed=seed),
        worth,
        hashlib.sha256(read_bytes(session)).hexdigest(),
    )
    if judged:
        result = result.model_copy(update={"judged": oo.read_judged(judged, session)})
    if out:
        save_json(out, result)
    if format == "json":
        print_json(result.model_dump(mode="json"))
    else:
        _print(result)


def report(
    result: Annotated[
        Path, typer.Argument(metavar="RESULT.json", help="What `outcome analyze --out` has saved.")
    ],
    html: o.Html = None,
    markdown: o.Markdown = False,
) -> None:
    """Show a result: the verdict, every way of routing, the effect of a right label, where it fails.

    Example: routerlab outcome report result.json --html report.html
    """
    from routerlab.cli.shared.show import not_over, save, say
    from routerlab.study.outcome.analysis.result import load_outcome
    from routerlab.study.report.html import page
    from routerlab.study.report.markdown import markdown as as_markdown
    from routerlab.study.report.sections.outcome import heading, sections

    if html and markdown:
        raise LabError("--html and --markdown: a report is one of these at a time")
    not_over(html, result)
    found = load_outcome(result)
    if html:
        title, facts = heading(found)
        save(html, page(title, sections(found), facts).encode())
        say(f"report: {html}")
    elif markdown:
        title, facts = heading(found)
        typer.echo(as_markdown(title, sections(found), facts), nl=False)
    else:
        _print(found)


def _print(result: "OutcomeResult") -> None:
    """The verdict in three sentences, then the tables."""
    from routerlab.cli.results.show import print_sections
    from routerlab.cli.shared.show import say
    from routerlab.study.report.sections.outcome import sections

    for note in result.notes:
        say(f"note: {note}")
    print_sections(section for section in sections(result) if not section.detail)
