"""`routerlab bench PLAN.toml`: every arm over every case, as a plan says, into one result file."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.open import open_materials
from routerlab.cli.shared.show import say
from routerlab.cli.shared.study import open_result, run_record
from routerlab.core.errors import LabError
from routerlab.core.statistics.quantiles import Convention
from routerlab.core.text import plural

if TYPE_CHECKING:
    from routerlab.engine.lab.lab import Lab
    from routerlab.engine.lab.materials import Materials
    from routerlab.study.benchmark.plan import Plan
    from routerlab.study.benchmark.run import Benchmark

EXAMPLES = (
    "Examples: routerlab bench benchmarks/plans/cpu-three-models.toml | "
    "routerlab bench --arm smollm2-135m:probe --arm baseline:majority --arm control --repeats 3"
)


@o.spread
def run(
    plan: Annotated[Path | None, typer.Argument(metavar="PLAN.toml", help="What to run.")] = None,
    arm: o.Arms = None,
    corpus: Annotated[Path | None, typer.Option(help="Whose cases; the sixty by default.")] = None,
    repeats: Annotated[int | None, typer.Option(min=1, help="How often arms are asked every case.")] = None,
    warmups: Annotated[int | None, typer.Option(min=0, help="Questions to an arm that do not count.")] = None,
    seed: Annotated[int | None, typer.Option(help="The order of the questions follows from it.")] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(metavar="GATE", help="What makes an arm viable: accuracy>=0.85 and p95<=2000."),
    ] = None,
    costs: Annotated[Path | None, typer.Option(help="A table of prices.")] = None,
    percentile: Annotated[Convention | None, typer.Option(help="Of P50, P95, P99; study by default.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The result; sessions/bench-NAME.toml by default.")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Begin another result beside what is there.")] = False,
    format: o.Format = "table",
    taxonomy: o.TaxonomyFile = None,
    exemplars: o.ExemplarsFile = None,
    *,
    on: o.Asking,
) -> None:
    """Run a benchmark: every arm over every case, one question at a time, in a random order.

    The result is a session with everything in it. Interrupted, even killed, the same command goes on. Options
    make the same plan as a file; give one or the other.

    """
    from routerlab.cli.results.show import show
    from routerlab.study.report.subject import load_subject

    given = {
        "arm": [{"ask": text} for text in arm] if arm else None,
        "corpus": _text(corpus),
        "repeats": repeats,
        "warmups": warmups,
        "seed": seed,
        "gates": require,
        "percentile": percentile,
        "taxonomy": _text(taxonomy),
        "exemplars": exemplars,
        "engine": on.given() or None,
    }
    decided = _plan(plan, costs, {k: v for k, v in given.items() if v is not None})
    materials = open_materials(_path(decided.taxonomy), _path(decided.corpus))
    work = _prepare(decided, materials)
    lab = _open(work, materials, _result_path(decided, out, new))
    path = lab.path
    again = f"the same command with --out {path} instead of --new" if new else "the same command"
    owed = asyncio.run(_carry_out(work, lab, again))
    assert path is not None
    show(load_subject(path, say), format)
    say(f"result: {path}; a report of it: routerlab report {path} --html report.html")
    if owed is not None:
        raise owed


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _plan(file: Path | None, costs: Path | None, given: dict[str, object]) -> "Plan":
    """The plan in the file, or the one that the options make."""
    from pydantic import ValidationError

    from routerlab.core.files.toml import invalid, load_toml
    from routerlab.study.benchmark.plan import Plan, named_plan
    from routerlab.study.figures.costs import load_costs

    if file is not None:
        if given or costs:
            options = ", ".join([*given, *(["costs"] if costs else [])])
            raise LabError(f"{file} says all that is planned: write there what the options say ({options})")
        return load_toml(file, Plan)
    if "arm" not in given:
        raise LabError("no plan and no arm: name one, as in `routerlab bench --arm smollm2-135m:probe`")
    if costs is not None:
        given["cost"] = load_costs(costs)
    try:
        return named_plan(**given)
    except ValidationError as e:
        raise invalid("the options", e) from None


def _prepare(plan: "Plan", materials: "Materials") -> "Benchmark":
    """Everything that can be checked before a model is loaded; LabError where it does not hold."""
    from routerlab.engine.lab.factory import exemplar_corpus, shots
    from routerlab.engine.worker.build import describe_build
    from routerlab.study.benchmark.harmony import check_provenance, leaks
    from routerlab.study.benchmark.plan import planned_cases, planned_specs
    from routerlab.study.benchmark.run import Benchmark

    if materials.corpus is None or materials.corpus_path is None:
        raise LabError(f"plan {plan.name}: names no corpus, and there is none for its taxonomy")
    specs = planned_specs(plan)
    cases = planned_cases(plan, materials.corpus)
    build = describe_build()
    weights = check_provenance(specs, build)
    record = run_record("bench", plan, plan.sha256, plan, build)
    return Benchmark(
        plan=plan,
        specs=specs,
        cases=cases,
        corpus_path=materials.corpus_path,
        weights=weights,
        run=record,
        leaks=leaks(specs, materials.corpus, shots(exemplar_corpus(materials.taxonomy, plan.exemplars))),
        gpu=build.gpu,
    )


def _result_path(plan: "Plan", out: Path | None, new: bool) -> Path:
    """Where the result is: the same for the same plan, so that the same command goes on."""
    from routerlab.paths import sessions_dir

    path = out or sessions_dir() / f"bench-{plan.name}.toml"
    n = 1
    first = path
    while new and path.exists():
        n += 1
        path = first.with_name(f"{first.stem}-{n}.toml")
    return path


def _open(work: "Benchmark", materials: "Materials", path: Path) -> "Lab":
    """A lab on the result file, new or gone on with; LabError when it is that of something else."""
    from routerlab.engine.lab.factory import model_arms
    from routerlab.engine.lab.lab import Lab
    from routerlab.engine.lab.materials import new_header
    from routerlab.study.benchmark.plan import check_same

    plan = work.plan
    settings = o.settings_with(**plan.engine.model_dump(), schedule="exclusive")
    file = open_result(path, materials, lambda session: check_same(plan, session, path), "; use --new")
    header = new_header(materials, settings, plan.repeats)
    header = header.model_copy(update={"title": plan.name, "seed": plan.seed})
    make = model_arms(materials.taxonomy, plan.exemplars, settings)
    return Lab(materials, settings, make, path, file, plan.repeats, header=header)


async def _carry_out(work: "Benchmark", lab: "Lab", again: str) -> LabError | None:
    """Run what is missing; what could not be run, as an error. `again` names the command to go on with."""
    from routerlab.cli.shared.progress import Bar
    from routerlab.study.benchmark.run import carry_out, given_up, missing

    try:
        owed = missing(work, lab.session)
        if not owed:
            say(f"{lab.path}: all {len(work.cases) * len(work.specs) * work.plan.repeats} answers are there")
            return None
        with Bar("bench") as bar:
            lab.subscribe(bar.notice)
            lost = await carry_out(work, lab, bar.say, bar.show)
        owed = missing(work, lab.session)
        return given_up(lost, owed, lab.path, again) if lost else None
    except asyncio.CancelledError:
        if lab.saved:
            left = missing(work, lab.session).total()
            say(f"stopped; {plural(left, 'answer is', 'answers are')} missing in {lab.path}; {again} goes on")
        raise
    finally:
        await lab.close()
