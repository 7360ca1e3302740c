"""What is analysed and checked: a session, anybody's log, or an analysis that was made before."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from routerlab.core.errors import LabError
from routerlab.core.gates import Gate, parse_gate
from routerlab.core.quantiles import Convention
from routerlab.core.sessionfile import read_session
from routerlab.core.taxonomy import Taxonomy, load_taxonomy
from routerlab.core.tomlfile import read_text
from routerlab.resources import TAXONOMY
from routerlab.study.analysis import DEFAULT_GATES, analyse
from routerlab.study.columns import Columns
from routerlab.study.costs import CostTable
from routerlab.study.logs import read_log
from routerlab.study.plan import Plan
from routerlab.study.records import Settings
from routerlab.study.result import Analysis
from routerlab.study.rows import Log, session_log


def load(
    path: Path,
    columns: Columns | None = None,
    taxonomy: Taxonomy | None = None,
    unit: Literal["ms", "s"] = "ms",
    repeats_in_order: bool = False,
) -> Log:
    """The rows of a session (.toml) or of a log (.csv, .tsv, .jsonl); LabError when it cannot be read.

    A log has the families of `taxonomy`; without one, those of the taxonomy that ships, if all of its gold
    labels are there. A session has its own.
    """
    if path.suffix.lower() == ".toml":
        if columns and columns != Columns():
            raise LabError(f"{path}: a session has no columns to name; leave the column options out")
        return session_log(path, read_session(path))
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
    """An analysis that was saved (.json), or that of a session or log; LabError when it is neither."""
    if path.suffix.lower() != ".json":
        return analysis_of(load(path))
    try:
        return Analysis.model_validate_json(read_text(path))
    except ValidationError as e:
        fault = e.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "the file"
        raise LabError(
            f"{path}: not an analysis of this version: {where}: {fault['msg']}; make it again with "
            "`routerlab analyze ... --out`"
        ) from None
