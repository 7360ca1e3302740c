"""`routerlab outcome table`: the routing table that suits outcomes best."""

from pathlib import Path
from typing import Annotated

import typer

from routerlab.cli.outcome import options as oo
from routerlab.cli.shared import options as o
from routerlab.core.errors import LabError


def table(
    session: oo.OutcomeSession,
    routes: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="A table with the models, their prices, and what prompts of a label may not do.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="ROUTES.toml", help="The table to write.")],
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Labels by a router, which the table is for; by default gold ones."
        ),
    ] = None,
    arm: Annotated[
        str | None, typer.Option(help="Whose labels, where the file has those of several.")
    ] = None,
    cost: Annotated[
        float | None, typer.Option(min=0.0, help="The cost of 1,000 tasks at most; then the best quality.")
    ] = None,
    quality: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="The mean score at least; then the least cost."),
    ] = None,
    seed: oo.Seed = 0,
    taxonomy: o.TaxonomyFile = None,
) -> None:
    """Fit label -> model to outcomes, for a wanted cost or quality, and write a routing table.

    It is the best of all tables on these tasks. What it gets on others is printed with intervals: there each
    task is routed by a table that was fitted to other tasks.

    Example: routerlab outcome table outcomes.toml --routes corpus/routes.toml --quality 0.6 --out mine.toml
    """
    from routerlab.cli.shared.show import not_over, print_table, save, say
    from routerlab.study.figures.arm import Settings
    from routerlab.study.outcome.analysis import policies as p
    from routerlab.study.outcome.analysis.draws import Tasks
    from routerlab.study.outcome.analysis.figures import standings
    from routerlab.study.outcome.analysis.labels import joined, read_labels
    from routerlab.study.outcome.analysis.table import Wanted, learned_routes, on_other_tasks
    from routerlab.study.outcome.load import load_matrix
    from routerlab.study.outcome.tables.write import routes_text
    from routerlab.study.report.sections.outcome import policies_table
    from routerlab.study.report.terminal import Fitted
    from routerlab.study.routing_table import load_routes

    if cost is not None and quality is not None:
        raise LabError("--cost and --quality: a table is fitted for one of them")
    not_over(out, session, routes, labels)
    base = load_routes(routes, oo.taxonomy_of(taxonomy))
    matrix, _ = p.complete(load_matrix(session))
    given = matrix.labels
    if labels:
        givers = [one for one in read_labels(labels) if arm in (None, one.name)]
        if len(givers) != 1:
            raise LabError(f"{labels}: has labels by {len(givers)} of that name; choose one with --arm NAME")
        given = joined(matrix, givers[0])[0]
    wanted = Wanted(None if cost is None else cost / 1000, quality)
    learned = learned_routes(matrix, given, base, wanted, out.stem)
    tasks = Tasks(matrix.group, Settings(seed=seed))
    this = p.by_labels("this table", "table", matrix, given, learned)
    save(out, routes_text(learned))
    found = [p.control(matrix, learned), *(p.single(matrix, model) for model in matrix.models), this]
    try:
        shares = on_other_tasks(matrix, tasks, given, base, wanted)
        found.append(p.Policy("on other tasks", "table", shares, given))
    except LabError as e:
        say(f"what a table gets on other tasks is not known: learned from a part of these, {e}")
    told = standings(matrix, tasks, found, matrix.labels)
    print_table(Fitted(policies_table(told, matrix.currency)))
