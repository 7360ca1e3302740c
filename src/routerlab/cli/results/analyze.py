"""`routerlab analyze`: everything that a session, or anybody's log of requests, says about routers."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from routerlab.cli.shared import options as o
from routerlab.core.statistics.quantiles import Convention


def _column(text: str) -> object:
    return typer.Option(metavar="COL", help=text)


@dataclass(frozen=True)
class Named:
    """Which columns of a log hold what, where they are not called as in an exported session."""

    gold: Annotated[str | None, _column("The right label; by default gold.")] = None
    predicted: Annotated[str | None, _column("The answer; by default label.")] = None
    latency: Annotated[str | None, _column("Its time; by default total_ms.")] = None
    arm: Annotated[str | None, _column("Who answered; by default arm.")] = None
    case: Annotated[str | None, _column("The case's id; by default case.")] = None
    status: Annotated[str | None, _column("How it ended: ok, unparsed, ..., or true and false; status.")] = (
        None
    )
    error: Annotated[str | None, _column("What went wrong, where no status says so; error.")] = None
    repeat: Annotated[str | None, _column("What tells repeats of a case apart; repeat.")] = None
    contract: Annotated[str | None, _column("How the arm was asked; contract.")] = None
    confidence: Annotated[
        str | None, _column("The confidence that the model claims, 0 to 1; confidence.")
    ] = None
    answer: Annotated[str | None, _column("The generated text, for its length; answer.")] = None
    chars: Annotated[str | None, _column("That length, in characters; chars.")] = None
    tokens_in: Annotated[str | None, _column("Tokens read; tokens_in.")] = None
    tokens_out: Annotated[str | None, _column("Tokens generated; tokens_generated.")] = None
    cost: Annotated[str | None, _column("What the request cost; cost.")] = None
    familiarity: Annotated[
        str | None, _column("How familiar the prompt is to the arm, 0 to 1; familiarity.")
    ] = None
    abstained: Annotated[
        str | None, _column("Whether the answer is not to be acted on, true or false; abstained.")
    ] = None


@o.spread
def analyze(
    log: Annotated[
        Path, typer.Argument(metavar="FILE", help="A session, or a log: CSV, JSON, a tool's, ...")
    ],
    columns: Named,
    repeats_in_order: Annotated[
        bool, typer.Option("--repeats-in-order", help="Rows of the same arm and case are repeats.")
    ] = False,
    unit: Annotated[
        Literal["auto", "s", "ms", "us", "ns"],
        typer.Option(
            "--latency-unit", help="The unit of the log's latencies; auto: as their column's name says."
        ),
    ] = "auto",
    percentile: Annotated[
        Convention | None, typer.Option(help="The convention for P50, P95, P99: study is sorted[int(q*n)].")
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(metavar="GATE", help="A gate instead of accuracy>=0.85 and p95<=2000; several times."),
    ] = None,
    costs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Prices of machine time and tokens, in TOML.")
    ] = None,
    taxonomy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The labels and families of a log.")
    ] = None,
    seed: Annotated[int, typer.Option(help="What bootstraps draw follows from it.")] = 0,
    details: Annotated[
        bool, typer.Option("--details", help="Show labels, confusion, corridors, calibration, too.")
    ] = False,
    format: o.Format = "table",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save the analysis as JSON, for check and report.")
    ] = None,
) -> None:
    """Accuracy, latency, cost, calibration, comparisons of arms, gates and a verdict, with intervals.

    A log's encoding, dialect and the tool that wrote it (promptfoo, Inspect, OpenTelemetry, LiteLLM, vLLM, a
    batch) are found out, and what was taken for what is said first, on stderr; a nested field has a dotted
    name.

    Repeats of a case are averaged within it first; an answer that could not be read is an error. Columns that
    are called as `routerlab sessions export` calls them need not be named, and p:LABEL are probabilities.

    Example: routerlab analyze log.csv --predicted answer --latency ms --repeat request_id --out analysis.json
    """
    from routerlab.cli.results.show import show
    from routerlab.cli.shared.show import not_over, save_json, say
    from routerlab.core.statistics.gates import parse_gate
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.study.figures.columns import Columns
    from routerlab.study.figures.costs import load_costs
    from routerlab.study.load import analysis_of, load
    from routerlab.study.report.subject import Subject

    not_over(out, log, costs, taxonomy)
    gates = [parse_gate(text) for text in require or ()]
    prices = load_costs(costs) if costs else None
    labels = load_taxonomy(taxonomy) if taxonomy else None
    read = load(log, Columns(**asdict(columns)), labels, unit, repeats_in_order)
    if read.source.read_as:
        say(f"read as {read.source.read_as}")
    analysis = analysis_of(read, percentile, gates, prices, seed)
    if out:
        save_json(out, analysis)
    show(Subject(log.stem, log, analysis), format, details)
