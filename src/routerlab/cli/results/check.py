"""`routerlab check`: does a result keep its gates? For scripts: the exit code says so."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.core.text import plural, printable

if TYPE_CHECKING:
    from routerlab.core.statistics.gates import Gate
    from routerlab.study.figures.arm import ArmFigures, GateFigure
    from routerlab.study.figures.result import Analysis


def check(
    result: Annotated[
        Path,
        typer.Argument(metavar="RESULT", help="An analysis (.json), a session, or a log with our columns."),
    ],
    require: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GATE",
            help="METRIC>=NUMBER or METRIC<=NUMBER; several times. By default the gates of the result, and "
            "what a router promises.",
        ),
    ] = None,
    arm: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this arm; several times.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Undecided is a failure, too.")] = False,
    format: o.Format = "table",
) -> None:
    """Hold a result against gates, a line a gate and arm; exit 1 when one fails.

    A gate passes when the whole 95 % interval keeps the limit and fails when none of it does; otherwise it is
    undecided, and the line says how many more cases would decide. Metrics: accuracy, task_accuracy,
    parse_rate, macro_f1, answered_error (of answers not abstained from; interval one-sided), f1:LABEL, p50,
    p95, p99 (ms), cost (of 1,000 prompts).

    Example: routerlab check analysis.json --require "accuracy>=0.8" --require "p95<=2000" --arm mine:probe
    """
    from routerlab.cli.shared.show import print_json
    from routerlab.core.errors import Exit
    from routerlab.core.statistics.gates import parse_gate
    from routerlab.study.load import load_result

    wanted = [parse_gate(text) for text in require or ()]
    analysis = load_result(result)
    gates = wanted or [parse_gate(text) for text in analysis.gates]
    found = [
        (one.arm, figure)
        for one in chosen(result, analysis, arm)
        for figure in measured(result, analysis, one, gates if wanted else [*gates, *promised(one)])
    ]
    if format == "json":
        print_json([{"arm": name, **figure.model_dump(mode="json")} for name, figure in found])
    else:
        for name, figure in found:
            typer.echo(_line(name, figure))
    bad = ("fail", "undecided") if strict else ("fail",)
    if any(figure.answer in bad for _, figure in found):
        raise typer.Exit(Exit.CHECK_FAILED)


def chosen(result: Path, analysis: "Analysis", names: list[str] | None) -> "list[ArmFigures]":
    """The arms of these names; without any, all that put labels on cases. LabError when there is none."""
    from routerlab.core.errors import LabError

    for name in names or ():
        if name not in analysis.by_name:
            raise LabError(f"{result}: no arm {name!r}; there are {', '.join(analysis.by_name)}")
    found = [analysis.by_name[name] for name in names] if names else [a for a in analysis.arms if a.accuracy]
    if not found:
        raise LabError(f"{result}: no arm has an accuracy; name the one to check with --arm")
    return found


def promised(arm: "ArmFigures") -> "list[Gate]":
    """What the arm's router promises (see `tune model --max-error`), as gates: one or none."""
    from routerlab.core.session.arm import ArmRecord
    from routerlab.core.statistics.gates import Gate

    limit = arm.record.max_error if isinstance(arm.record, ArmRecord) else None
    return [] if limit is None else [Gate("answered_error", "<=", limit)]


def measured(
    result: Path, analysis: "Analysis", arm: "ArmFigures", gates: "list[Gate]"
) -> "list[GateFigure]":
    """The answers of the gates; LabError when the arm has no such figure: that is never a silent pass."""
    from routerlab.core.errors import LabError
    from routerlab.study.figures.gates import apply

    figures = list(apply(gates, arm, analysis.settings))
    missing = next((gate for gate, f in zip(gates, figures, strict=True) if f.value is None), None)
    if missing:
        raise LabError(f"{result}: arm {arm.arm!r} has no {missing.metric}, so {missing} cannot be checked")
    return figures


def _line(name: str, figure: "GateFigure") -> str:
    from routerlab.study.report import words as w

    found = w.gated(figure)
    interval = f" ({found.note})" if found.note else ""
    rest = f"; {plural(figure.more, 'more case')} would decide" if figure.more is not None else ""
    if figure.undecidable:
        rest = "; how many more cases would decide is not computed for F1, or no number would"
    return printable(f"{w.answer(figure).text:<9} {name}: {figure.gate}: {found.text}{interval}{rest}")
