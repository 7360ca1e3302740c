"""The file that says which router is at work: every one that was, in order, with the evidence for it."""

import getpass
import tomllib
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field

from routerlab.core.errors import LabError
from routerlab.core.files.atomic import write_new
from routerlab.core.files.toml import canonical_sha256, load_toml
from routerlab.core.text import plural
from routerlab.engine.arms.arm import ArmSpec, Spec
from routerlab.engine.contract.router import load_router

if TYPE_CHECKING:
    from routerlab.study.figures.arm import ArmFigures
    from routerlab.study.figures.result import Analysis

ALPHA = 0.05


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Choice(_Kept):
    """A router as a server takes it: `arm`, of a router file its whole path; `sha256` is the file's canonical
    hash, None for an arm that has no such file."""

    name: str
    arm: str
    sha256: str | None = None

    @classmethod
    def of(cls, text: str, spec: Spec) -> "Choice":
        """What a person called `text`; LabError when the router file is no good."""
        if isinstance(spec, ArmSpec) and spec.router is not None:
            return cls(name=spec.name, arm=str(spec.router.absolute()), sha256=_sha256(spec.router))
        return cls(name=spec.name, arm=text)


class Measured(_Kept):
    """The accuracy (0..1) over `n` cases, with Wilson's 95 % interval."""

    n: int
    accuracy: float
    low: float
    high: float


class Paired(_Kept):
    """Against the one that was at work, on the `n` cases that both answered: `difference` of the accuracies,
    the new one's less the other's, how many only one of them got right, and McNemar's exact `p`."""

    before: str
    n: int
    difference: float
    only_new: int
    only_before: int
    p: float


class Evidence(_Kept):
    """What a promotion stands on: a session or log, by the hash of its bytes; the gates that were asked, with
    their answers; `paired` is None where nothing was at work before."""

    file: str
    sha256: str | None
    gates: tuple[str, ...] = ()
    measured: Measured
    paired: Paired | None = None


class Promotion(_Kept):
    """A change of what is at work. One without evidence is the way back to the one before."""

    at: datetime
    by: str
    router: Choice
    evidence: Evidence | None = None


class AtWork(_Kept):
    """The file: the last promotion's router is at work."""

    schema_version: Literal[1] = 1
    promotion: tuple[Promotion, ...] = Field(min_length=1)

    @property
    def before(self) -> Choice | None:
        """What was at work before the last promotion that was not taken back; None where it was the first."""
        stack: list[Choice] = []
        for one in self.promotion:
            if one.evidence is None:
                del stack[-1:]
            else:
                stack.append(one.router)
        return stack[-2] if len(stack) > 1 else None


def read_at_work(path: Path) -> AtWork | None:
    """What the file says; None where there is none yet, LabError when it is another kind of file."""
    return load_toml(path, AtWork) if path.exists() else None


def arm_at_work(text: str) -> str:
    """The arm that `text` stands for: of the file of promotions the router at work, else `text` itself.
    LabError when that router is no longer what was promoted."""
    path = Path(text)
    if path.suffix != ".toml" or not _is_promotions(path):
        return text
    router = load_toml(path, AtWork).promotion[-1].router
    confirm(path, router)
    return router.arm


def confirm(path: Path, router: Choice) -> None:
    """LabError when the router's file is no longer what the file of promotions at `path` says."""
    if router.sha256 is not None and (now := _sha256(Path(router.arm))) != router.sha256:
        raise LabError(
            f"{path}: {router.arm} has changed since it was promoted ({router.sha256[:12]}, now {now[:12]}); "
            "put it back, or give the new one a name and file of its own and promote that"
        )


def _is_promotions(path: Path) -> bool:
    with suppress(OSError, ValueError, RecursionError):  # whoever reads it as a router file tells
        return "promotion" in tomllib.loads(path.read_text())
    return False


def _sha256(router: Path) -> str:
    return canonical_sha256(load_router(router))


def labelled(path: Path) -> "Analysis":
    """The analysis of a session, in which what people said of a question that has no gold label is that;
    LabError when they said two things of one question, or there is nothing to analyse."""
    from routerlab.core.session.file import read_session
    from routerlab.study.load import analysis_of, load

    log = load(path)
    session, said = read_session(path).session, dict[str, str]()
    for trial in session.trials:
        state = session.current(trial.id)
        if state.label is None or state.draft:
            continue
        if said.setdefault(trial.question, state.label) != state.label:
            raise LabError(
                f"{path}: {trial.id}: {state.label}, but its question was labelled {said[trial.question]}, "
                "too; undo one of them"
            )
    rows = tuple(replace(row, gold=row.gold or said.get(row.case)) for row in log.rows)
    return analysis_of(replace(log, rows=rows))


def judge(analysis: "Analysis", new: Choice, before: Choice | None) -> Evidence:
    """What the analysis says of `new`, alone and against `before`; LabError when it has not both of them, or
    not as they are now."""
    where = analysis.source.path
    accuracy = _figures(analysis, new).accuracy
    if accuracy is None:
        raise LabError(f"{where}: no answer of {new.name} has a right label beside it; annotate some first")
    low, high = accuracy.wilson
    measured = Measured(n=accuracy.n, accuracy=accuracy.value, low=low, high=high)
    return Evidence(
        file=where,
        sha256=analysis.source.sha256,
        measured=measured,
        paired=_paired(analysis, new, before) if before else None,
    )


def _paired(analysis: "Analysis", new: Choice, before: Choice) -> Paired:
    _figures(analysis, before)
    pair = next((p for p in analysis.pairs if {p.a, p.b} == {new.name, before.name}), None)
    if pair is None:
        raise LabError(
            f"{analysis.source.path}: {new.name} and {before.name} have no labelled case in common"
        )
    first = pair.a == new.name
    return Paired(
        before=before.name,
        n=pair.n,
        difference=round(pair.difference if first else 0 - pair.difference, 9),  # of means of repeats: 0 is 0
        only_new=pair.only_a if first else pair.only_b,
        only_before=pair.only_b if first else pair.only_a,
        p=pair.p,
    )


def _figures(analysis: "Analysis", router: Choice) -> "ArmFigures":
    where, found = analysis.source.path, analysis.by_name.get(router.name)
    if found is None:
        raise LabError(
            f"{where}: has no answers of {router.name}; there are {', '.join(analysis.by_name)}; label the "
            "prompts in a corpus, and name that: then it is asked"
        )
    sha256 = getattr(found.record, "router_sha256", None)
    if sha256 != router.sha256:
        raise LabError(
            f"{where}: the answers of {router.name} are of another router of this name "
            f"({(sha256 or 'no hash')[:12]}, now {(router.sha256 or 'no hash')[:12]}); have it asked anew"
        )
    return found


def verdict(evidence: Evidence) -> str | None:
    """Why the new one may not take the place of the one at work, with the numbers; None when it may: it is
    at least as accurate on the cases that both answered. One that is less accurate is refused, whether
    or not McNemar's test tells them apart at `ALPHA`, which the line says.
    """
    paired = evidence.paired
    if paired is None:
        return None
    # Where cases were repeated the test, which has the majority of each, may say it though the means do not.
    significantly = paired.p < ALPHA and paired.only_new < paired.only_before
    if paired.difference >= 0 and not significantly:
        return None
    worse = "significantly worse" if significantly else "less accurate (not significantly)"
    return f"{worse} than {numbers(paired)}"


def numbers(paired: Paired) -> str:
    """The comparison in words."""
    return (
        f"{paired.before}: {paired.difference:+.3f} in accuracy on {plural(paired.n, 'case')}, "
        f"{paired.only_new} right only with the new one, {paired.only_before} only with the one at "
        f"work, p = {paired.p:.3g} (McNemar, exact)"
    )


def promoted(path: Path, now: AtWork | None, router: Choice, evidence: Evidence | None) -> AtWork:
    """Write that `router` is at work from now on; what the file then says. LabError when it cannot be
    written; it is then what it was."""
    by = "unknown"
    with suppress(OSError, KeyError):
        by = getpass.getuser()
    entry = Promotion(at=datetime.now(UTC), by=by, router=router, evidence=evidence)
    changed = AtWork(promotion=(*(now.promotion if now else ()), entry))
    _write(path, changed)
    return changed


def restore(path: Path, before: AtWork | None) -> None:
    """Have the file say again what it did; without anything before, there is none."""
    if before is None:
        path.unlink(missing_ok=True)
    else:
        _write(path, before)


def _write(path: Path, content: AtWork) -> None:
    try:
        write_new(path, tomli_w.dumps(content.model_dump(exclude_none=True)).encode())
    except OSError as e:
        raise LabError(f"{path}: cannot be written: {e.strerror}") from None
