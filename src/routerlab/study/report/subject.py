"""What a report is about: an analysis, and what only the session that it is of can say besides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from routerlab.annotate.ratings.pinned import pinned_corpus
from routerlab.core.corpus import Corpus
from routerlab.core.session.file import read_session
from routerlab.core.session.session import Session
from routerlab.study.benchmark.plan import Plan, plan_of
from routerlab.study.figures.result import Analysis
from routerlab.study.figures.rows import Row, session_log, sitting_log
from routerlab.study.load import analysis_of, load, load_saved
from routerlab.study.trial.analysis.load import Tell, finished_trial
from routerlab.study.trial.analysis.result import Deviation, TrialResult
from routerlab.study.trial.protocol.session import trial_runs


@dataclass(frozen=True)
class Subject:
    """`name` is the result's own, else its file's; `session` is None where the file is an analysis or a log.
    `rows` are all answers, where the file has them, `prompts` those of cases, as far as they are at hand;
    `owed` answers are missing of a benchmark's. A trial has its result besides; `analysis` is a part of it.
    """

    name: str
    path: Path
    analysis: Analysis
    session: Session | None = None
    plan: Plan | None = None
    rows: Sequence[Row] = ()
    prompts: Mapping[str, str] = field(default_factory=dict)
    owed: int = 0
    trial: TrialResult | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know before believing the figures; harmony and deviations say so first."""
        notes = self.analysis.warnings
        if self.trial:
            notes = (*self.trial.warnings, *notes, *map(_deviation, self.trial.deviations))
        return notes


def load_subject(path: Path, tell: Tell) -> Subject:
    """The result in a session (.toml), an analysis or a trial's result (.json), or a log; LabError when it is
    none of these, or a trial that is not over. `tell` gets what the reader should know besides."""
    if path.suffix.lower() != ".toml":
        if path.suffix.lower() != ".json":
            log = load(path)
            return Subject(path.stem, path, analysis_of(log), rows=log.rows)
        saved = load_saved(path)
        trial = saved if isinstance(saved, TrialResult) else None
        analysis = saved.analysis if isinstance(saved, TrialResult) else saved
        pin = analysis.source.corpus
        prompts = _prompts(pinned_corpus(pin, path) if pin else None, None)
        return Subject(trial.name if trial else path.stem, path, analysis, prompts=prompts, trial=trial)
    opened = read_session(path)
    session = opened.session
    pin = session.header.corpus
    corpus = pinned_corpus(pin, path) if pin else None
    if trial_runs(session):
        trial = finished_trial(path, session, tell)
        return Subject(
            trial.name, path, trial.analysis, session, prompts=_prompts(corpus, session), trial=trial
        )
    log, plan = session_log(path, opened), plan_of(session)
    name = session.runs[-1].name if session.runs else session.header.title or path.stem
    owed = _owed(plan, corpus, session) if plan and corpus else 0
    return Subject(name, path, analysis_of(log), session, plan, log.rows, _prompts(corpus, session), owed)


def sitting_subject(path: Path, session: Session, corpus: Corpus | None) -> Subject:
    """The result so far of a session that is in memory, over `corpus`; LabError where there is no answer."""
    log = sitting_log(path, session)
    return Subject(path.stem, path, analysis_of(log), session, None, log.rows, _prompts(corpus, session))


def ranked(subject: Subject) -> Subject:
    """The same with the most accurate arm first, and those that are not judged last."""
    arms = sorted(subject.analysis.arms, key=lambda a: -(a.accuracy.value if a.accuracy else -1.0))
    return replace(subject, analysis=subject.analysis.model_copy(update={"arms": tuple(arms)}))


def _prompts(corpus: Corpus | None, session: Session | None) -> dict[str, str]:
    found = {case.id: case.prompt for case in corpus.case} if corpus else {}
    if session:
        found |= {case.id: case.prompt for case in session.cases.values()}
        found |= {trial.prompt: trial.prompt for trial in session.trials if trial.prompt and not trial.case}
    return found


def _deviation(found: Deviation) -> str:
    at = f"{found.at:%H:%M:%S} UTC: " if found.at else ""
    return f"deviation: {at}{f'{found.arm}: ' if found.arm else ''}{found.reason}"


def _owed(plan: Plan, corpus: Corpus, session: Session) -> int:
    """Answers that the plan asks for and the session does not have."""
    excluded = {exclusion.case for exclusion in plan.exclude}
    asked = sum(case.id not in excluded for case in corpus.case)
    return max(0, asked * len(plan.arm) * plan.repeats - len(session.keys()))
