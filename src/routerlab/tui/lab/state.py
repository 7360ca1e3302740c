"""What the screen shows, as frozen values: pure functions from the lab to views; no widget, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass

from routerlab.core.prediction import Latency, Prediction, Tokens, Trial
from routerlab.core.session.session import State
from routerlab.core.statistics.agreement import vote
from routerlab.core.text import printable
from routerlab.engine.arms.arm import Arm, ArmState, Phase
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.lab.lab import Lab
from routerlab.tui.lab.sitting import Question, Sitting
from routerlab.tui.shared.layout import bars
from routerlab.tui.shared.text import duration, one_line

MOVING: frozenset[Phase] = frozenset({"starting", "loading", "busy"})
"""Phases whose elapsed time is worth a redraw."""
SNIPPET = 160
UNTOUCHED = State()


@dataclass(frozen=True)
class Figures:
    """An arm's running figures: answers counted, accuracy where gold is known, milliseconds."""

    n: int = 0
    accuracy: float | None = None
    p50: float | None = None
    p95: float | None = None


@dataclass(frozen=True)
class Answer:
    """One arm's answer as shown: `mark` is True or False against gold, None without gold."""

    status: str
    label: str | None
    mark: bool | None
    gold: str | None
    probabilities: tuple[tuple[str, float], ...] | None
    mass: float | None
    confidence: float | None
    raw: str | None
    error: str | None
    latency: Latency
    tokens: Tokens

    @property
    def probability(self) -> float | None:
        """The predicted label's probability, or what the model claimed under the json contract."""
        if self.probabilities is not None and self.label is not None:
            return dict(self.probabilities).get(self.label)
        return self.confidence


@dataclass(frozen=True)
class PanelView:
    """One arm's panel. `elapsed` is in whole seconds and only set while something moves."""

    name: str
    contract: str
    phase: Phase
    elapsed: int | None
    stage: str
    fraction: float | None
    message: str
    device: str
    layers: str
    answer: Answer | None
    question: int | None
    figures: Figures
    waiting: int = 0
    bar_lines: int = 6
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True)
class StripView:
    """What the arms make of one question together. `live` is False while an older one is looked at."""

    number: int | None = None
    live: bool = True
    name: str = ""
    prompt: str = ""
    majority: str | None = None
    votes: int = 0
    voters: int = 0
    entropy: float = 0.0
    gold: str | None = None
    note: State = UNTOUCHED


@dataclass(frozen=True)
class RunView:
    """The replay bar."""

    phase: str = "idle"
    done: int = 0
    total: int = 0
    elapsed: str = ""
    eta: str = ""


@dataclass(frozen=True)
class RowView:
    """One line of the history. `answers` has one (label or status, mark) an arm, None where none came yet."""

    number: int
    name: str
    prompt: str
    gold: str | None
    answers: tuple[tuple[str, bool | None] | None, ...]
    agree: str
    unanimous: bool
    note: State


@dataclass(frozen=True)
class Snapshot:
    """Everything above the history at one moment."""

    panels: tuple[PanelView, ...]
    strip: StripView
    run: RunView


def snapshot(lab: Lab, sitting: Sitting, selected: Question | None, now: float) -> Snapshot:
    """The screen at `now` (time.monotonic()); `selected` is the question looked at, None while live."""
    shown = selected or sitting.latest
    panels = tuple(
        panel(name, arm, selected or sitting.last.get(name), sitting, now, labels=lab.taxonomy.labels)
        for name, arm in lab.arms.items()
    )
    return Snapshot(panels, strip(lab, shown, live=selected is None), run(lab))


def moving(lab: Lab) -> bool:
    """Whether time itself changes the screen: something loads, computes or replays."""
    return lab.progress.phase == "running" or any(a.state.phase in MOVING for a in lab.arms.values())


def panel(
    name: str, arm: Arm, question: Question | None, sitting: Sitting, now: float, labels: Sequence[str]
) -> PanelView:
    """One arm beside the question that is shown."""
    state = arm.state
    trial = question.trials.get(name) if question else None
    running = sitting.running.get(name)
    device, layers = _device(state)
    return PanelView(
        name=printable(name),
        contract=arm.spec.contract,
        phase=state.phase,
        elapsed=max(0, int(now - state.since)) if state.phase in MOVING else None,
        stage=printable(state.stage),
        fraction=None if state.fraction is None else round(state.fraction, 2),
        message=one_line(state.message, 400),
        device=device,
        layers=layers,
        answer=answer(trial, labels) if trial else None,
        question=question.number if question and trial else None,
        figures=Figures(running.n, running.accuracy, running.p50, running.p95) if running else Figures(),
        waiting=0 if state.phase in ("failed", "stopped") else sitting.waiting[name],
        bar_lines=bars(len(labels)),
        log_tail=tuple(one_line(line, 200) for line in state.log_tail),
    )


def answer(trial: Trial, labels: Sequence[str]) -> Answer:
    """The trial as shown, with probabilities in the taxonomy's order."""
    scores = trial.probabilities
    return Answer(
        status=trial.status,
        label=printable(trial.label) if trial.label is not None else None,
        mark=trial.correct,
        gold=trial.gold,
        probabilities=None if scores is None else tuple((name, scores.get(name, 0.0)) for name in labels),
        mass=trial.mass,
        confidence=trial.confidence,
        raw=None if trial.answer is None else one_line(trial.answer, 600),
        error=None if trial.error is None else one_line(trial.error, 400),
        latency=trial.latency_ms,
        tokens=trial.tokens,
    )


def _device(state: ArmState) -> tuple[str, str]:
    info = state.info
    if not isinstance(info, ArmInfo):
        return printable(info.device) if info else "", ""
    layers = f"{info.layers_on_gpu}/{info.layers} layers on GPU" if info.gpu_build else "CPU build"
    return printable(info.device), layers


def strip(lab: Lab, question: Question | None, live: bool) -> StripView:
    """The agreement strip for a question."""
    if question is None:
        return StripView()
    voters = [t.label for t in question.trials.values() if t.status != "unrouted"]
    result = vote(voters)
    return StripView(
        number=question.number,
        live=live,
        name=case_name(question),
        prompt=one_line(prompt_of(lab, question.first), 400),
        majority=printable(result.label) if result.label is not None else None,
        votes=result.votes,
        voters=len(voters),
        entropy=result.entropy,
        gold=question.first.gold,
        note=annotation(lab, question)[1],
    )


def row(lab: Lab, question: Question, arms: Sequence[str]) -> RowView:
    """The question's line in the history, with a column an arm in `arms`."""
    labels = [t.label for t in question.trials.values() if t.status != "unrouted"]
    votes, voters = vote(labels).votes, len(labels)
    return RowView(
        number=question.number,
        name=case_name(question),
        prompt=one_line(prompt_of(lab, question.first), SNIPPET),
        gold=question.first.gold,
        answers=tuple(_mark(question.trials.get(arm)) for arm in arms),
        agree=f"{votes}/{voters}" if voters > 1 else "",
        unanimous=votes == voters,
        note=annotation(lab, question)[1],
    )


def _mark(trial: Prediction | None) -> tuple[str, bool | None] | None:
    if not isinstance(trial, Trial):
        return None
    return (trial.label if trial.label is not None else trial.status, trial.correct)


def case_name(question: Question) -> str:
    """The case's id, or "typed"; repeats after the first carry their number."""
    trial = question.first
    name = printable(trial.case) if trial.case is not None else "typed"
    return name if trial.repeat == 1 else f"{name}/{trial.repeat}"


def prompt_of(lab: Lab, trial: Trial) -> str:
    """The trial's prompt, raw: typed prompts carry it, a case's is in the corpus."""
    if trial.prompt is not None:
        return trial.prompt
    case = lab.corpus.by_id.get(trial.case or "") if lab.corpus else None
    return case.prompt if case else "(this case is not in the corpus that is open)"


def annotation(lab: Lab, question: Question) -> tuple[str, State]:
    """The trial of the question that carries its annotation (the first, unless another has one already)
    and what it adds up to: a person annotates a question, a session's records are about trials."""
    for trial in question.trials.values():
        state = lab.session.current(trial.id)
        if state != UNTOUCHED:
            return trial.id, state
    return question.first.id, UNTOUCHED


def run(lab: Lab) -> RunView:
    """The replay bar."""
    p = lab.progress
    if p.phase == "idle" and not p.total:
        return RunView()
    eta = "" if p.eta_s is None or p.phase == "idle" else f"{duration(p.eta_s)} left"
    return RunView(p.phase, p.done, p.total, duration(p.elapsed_s), eta)
