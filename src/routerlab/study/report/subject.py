"""What a report is about: an analysis, and what only the session that it is of can say besides."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from routerlab.core.corpus import Corpus
from routerlab.core.errors import LabError
from routerlab.core.session import Pin, Session, pinned_files
from routerlab.core.sessionfile import read_session
from routerlab.core.tomlfile import load_toml
from routerlab.resources import ROUTING60
from routerlab.study.loading import analysis_of, load_result
from routerlab.study.plan import Plan, plan_of
from routerlab.study.result import Analysis
from routerlab.study.rows import session_log


@dataclass(frozen=True)
class Subject:
    """`name` is the result's own, else its file's; `session` is None where the file is an analysis or a log.
    `prompts` are those of cases, as far as they are at hand; `owed` answers are missing of a benchmark's."""

    name: str
    path: Path
    analysis: Analysis
    session: Session | None = None
    plan: Plan | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)
    owed: int = 0


def load_subject(path: Path) -> Subject:
    """The result in a session (.toml), an analysis (.json) or a log; LabError when it is none of these.

    A trial that is not over is refused: to look at it is a matter of its protocol.
    """
    if path.suffix.lower() != ".toml":
        analysis = load_result(path)
        corpus = _corpus(analysis.source.corpus, path)
        return Subject(path.stem, path, analysis, prompts=_prompts(corpus, None))
    opened = read_session(path)
    session = opened.session
    if any(run.kind == "trial" for run in session.runs) and not any(m.kind == "end" for m in session.marks):
        raise LabError(
            f"{path}: a trial that is not over; `routerlab trial peek` shows outcomes, and writes that down"
        )
    log = session_log(path, opened)
    corpus, plan = _corpus(session.header.corpus, path), plan_of(session)
    name = session.runs[-1].name if session.runs else session.header.title or path.stem
    owed = _owed(plan, corpus, session) if plan and corpus else 0
    return Subject(name, path, analysis_of(log), session, plan, _prompts(corpus, session), owed)


def ranked(subject: Subject) -> Subject:
    """The same with the most accurate arm first, and those that are not judged last."""
    arms = sorted(subject.analysis.arms, key=lambda a: -(a.accuracy.value if a.accuracy else -1.0))
    return replace(subject, analysis=subject.analysis.model_copy(update={"arms": tuple(arms)}))


def _corpus(pin: Pin | None, path: Path) -> Corpus | None:
    """The corpus as it was pinned; None where it is not at hand."""
    for file in pinned_files(pin, path, ROUTING60) if pin else ():
        try:
            found = load_toml(file, Corpus)
        except LabError:
            continue
        if pin and found.sha256 == pin.sha256:
            return found
    return None


def _prompts(corpus: Corpus | None, session: Session | None) -> dict[str, str]:
    found = {case.id: case.prompt for case in corpus.case} if corpus else {}
    if session:
        found |= {case.id: case.prompt for case in session.cases.values()}
        found |= {trial.prompt: trial.prompt for trial in session.trials if trial.prompt and not trial.case}
    return found


def _owed(plan: Plan, corpus: Corpus, session: Session) -> int:
    """Answers that the plan asks for and the session does not have."""
    excluded = {exclusion.case for exclusion in plan.exclude}
    asked = sum(case.id not in excluded for case in corpus.case)
    return max(0, asked * len(plan.arm) * plan.repeats - len(session.keys()))
