"""What is analysed and checked: a session, anybody's log, or an analysis that was made before."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from routerlab.core.errors import LabError
from routerlab.core.files.toml import invalid, read_text
from routerlab.core.session.file import read_session
from routerlab.core.statistics.gates import Gate, parse_gate
from routerlab.core.statistics.quantiles import Convention
from routerlab.core.taxonomy import Taxonomy, load_taxonomy
from routerlab.resources import TAXONOMY
from routerlab.study.benchmark.plan import Plan
from routerlab.study.figures.analysis import analyse
from routerlab.study.figures.arm import Settings
from routerlab.study.figures.columns import Columns
from routerlab.study.figures.costs import CostTable
from routerlab.study.figures.gates import DEFAULT_GATES
from routerlab.study.figures.logs import Unit, read_log
from routerlab.study.figures.result import Analysis
from routerlab.study.figures.rows import Log, session_log
from routerlab.study.trial.analysis.load import finished_trial
from routerlab.study.trial.analysis.result import TrialResult
from routerlab.study.trial.protocol.session import trial_runs

_SAVED: TypeAdapter[Analysis | TrialResult] = TypeAdapter(
    Annotated[Analysis | TrialResult, Field(discriminator="kind")]
)


def load(
    path: Path,
    columns: Columns | None = None,
    taxonomy: Taxonomy | None = None,
    unit: Unit = "auto",
    repeats_in_order: bool = False,
) -> Log:
    """The rows of a session (.toml) or of a log (.csv, .tsv, .jsonl, .json); LabError when it cannot be read.

    A log has the families of `taxonomy`; without one, those of the taxonomy that ships, if all of its gold
    labels are there. A session has its own.
    """
    if path.suffix.lower() == ".toml":
        if columns and columns != Columns():
            raise LabError(f"{path}: a session has no columns to name; leave the column options out")
        opened = read_session(path)
        if trial_runs(opened.session):
            raise LabError(f"{path}: a trial's session; `routerlab trial analyze {path}` is for these")
        return session_log(path, opened)
    log = read_log(path, columns or Columns(), unit, repeats_in_order)
    chosen = taxonomy or load_taxonomy(TAXONOMY)
    strange = sorted({row.gold for row in log.rows if row.gold is not None} - set(chosen.labels))
    if strange and taxonomy:
        raise LabError(
            f"{path}: gold label {strange[0]!r} is not in taxonomy {taxonomy.name!r}, which has "
            f"{', '.join(taxonomy.labels)}"
        )
    return log if strange else replace(log, families=chosen.families)


def analysis_of(
    log: Log,
    percentile: Convention | None = None,
    gates: Sequence[Gate] = (),
    costs: CostTable | None = None,
    seed: int = 0,
) -> Analysis:
    """The analysis; what is not given is as the plan of a benchmark says, if the log is one's, else usual."""
    plan = Plan.model_validate_json(log.run.plan) if log.run and log.run.kind == "bench" else None
    planned = tuple(map(parse_gate, plan.gates)) if plan else DEFAULT_GATES
    settings = Settings(percentile=percentile or (plan.percentile if plan else "study"), seed=seed)
    return analyse(log, settings, tuple(gates) or planned, costs or (plan.cost if plan else None))


def load_result(path: Path) -> Analysis:
    """The analysis in a file that was saved (.json), of a trial too, or that of a session or log.

    LabError when it is none of these, or of a trial that is not over.
    """
    if path.suffix.lower() == ".json":
        saved = load_saved(path)
        return saved.analysis if isinstance(saved, TrialResult) else saved
    if path.suffix.lower() == ".toml" and trial_runs(session := read_session(path).session):
        return finished_trial(path, session, lambda _: None).analysis
    return analysis_of(load(path))


def load_saved(path: Path) -> Analysis | TrialResult:
    """What `analyze --out` or `trial analyze --out` saved; LabError when it is neither."""
    try:
        return _SAVED.validate_json(read_text(path))
    except ValidationError as e:
        if e.errors()[0]["type"].startswith("union_tag"):
            says = "it does not say of which kind it is"
        else:
            says = str(invalid("the file", e)).removeprefix("the file: ")
        raise LabError(
            f"{path}: not an analysis of this version: {says}; make it again with "
            "`routerlab analyze ... --out` or `routerlab trial analyze ... --out`"
        ) from None
