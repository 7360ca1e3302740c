"""What the screen shows, as frozen values: pure functions from the lab to views; no widget, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from routerlab.core.prediction import Trial
from routerlab.core.session.session import State
from routerlab.core.statistics.agreement import Vote, vote
from routerlab.core.text import printable
from routerlab.engine.arms.arm import Arm, ArmState, Phase
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.lab.lab import Lab
from routerlab.tui.lab.filters import Facts
from routerlab.tui.lab.sitting import Question, Sitting
from routerlab.tui.shared.layout import bars
from routerlab.tui.shared.text import one_line

MOVING: frozenset[Phase] = frozenset({"starting", "loading", "busy"})
"""Phases whose elapsed time is worth a redraw."""
SNIPPET = 400
UNTOUCHED = State()


@dataclass(frozen=True)
class PanelView:
    """One arm's panel. `elapsed` is in whole seconds and only set while something moves; `trial` is the
    answer that is shown, `question` its number, `labels` the taxonomy's with their short names, in order."""

    name: str
    contract: str
    phase: Phase
    elapsed: int | None
    stage: str
    fraction: float | None
    message: str
    device: str
    layers: str
    labels: Mapping[str, str]
    trial: Trial | None
    question: int | None
    waiting: int = 0
    bar_lines: int = 6
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True)
class RowView:
    """One question. `answers` has one (label or status, mark) an arm, None where none came yet; `voters` are
    the arms that were asked for a label and answered."""

    number: int
    name: str
    prompt: str
    gold: str | None
    answers: tuple[tuple[str, bool | None] | None, ...]
    vote: Vote
    voters: int
    note: State

    @property
    def unanimous(self) -> bool:
        """Whether all of them gave the same label."""
        return self.vote.votes == self.voters


def moving(lab: Lab) -> bool:
    """Whether time itself changes the screen: something loads, computes or replays."""
    return lab.progress.phase == "running" or any(a.state.phase in MOVING for a in lab.arms.values())


def panel(
    name: str, arm: Arm, question: Question | None, sitting: Sitting, now: float, labels: Mapping[str, str]
) -> PanelView:
    """One arm beside the question that is shown."""
    state = arm.state
    trial = question.trials.get(name) if question else None
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
        labels=labels,
        trial=trial,
        question=question.number if question and trial else None,
        waiting=0 if state.phase in ("failed", "stopped") else sitting.waiting[name],
        bar_lines=bars(len(labels)),
        log_tail=tuple(one_line(line, 200) for line in state.log_tail),
    )


def _device(state: ArmState) -> tuple[str, str]:
    info = state.info
    if not isinstance(info, ArmInfo):
        return printable(info.device) if info else "", ""
    layers = f"{info.layers_on_gpu}/{info.layers} layers on GPU" if info.gpu_build else "CPU build"
    return printable(info.device), layers


def row(lab: Lab, question: Question, arms: Sequence[str]) -> RowView:
    """The question, with an answer for each arm in `arms`."""
    labels = [t.label for t in question.trials.values() if t.status != "unrouted"]
    return RowView(
        number=question.number,
        name=case_name(question),
        prompt=one_line(prompt_of(lab, question.first), SNIPPET),
        gold=question.first.gold,
        answers=tuple(_mark(question.trials.get(arm)) for arm in arms),
        vote=vote(labels),
        voters=len(labels),
        note=annotation(lab, question)[1],
    )


def facts(lab: Lab, question: Question) -> Facts:
    """What filters and order look at."""
    note = annotation(lab, question)[1]
    return Facts(question, case_name(question), prompt_of(lab, question.first), note)


def _mark(trial: Trial | None) -> tuple[str, bool | None] | None:
    return None if trial is None else (trial.label or trial.status, trial.correct)


def case_name(question: Question) -> str:
    """The case's id, or "typed"; repeats after the first carry their number."""
    trial = question.first
    name = printable(trial.case) if trial.case is not None else "typed"
    return name if trial.repeat == 1 else f"{name}/{trial.repeat}"


def prompt_of(lab: Lab, trial: Trial) -> str:
    """The trial's prompt, raw, or why it is not here."""
    prompt = kept_prompt(lab, trial)
    if prompt is not None:
        return prompt
    if trial.prompt_sha256 is not None:
        return f"(this prompt was not kept; its hash begins {trial.prompt_sha256[:12]})"
    return "(this case is not in the corpus that is open)"


def kept_prompt(lab: Lab, trial: Trial) -> str | None:
    """The trial's prompt, raw: typed prompts carry it, a case's is in the corpus; None: it is not here."""
    if trial.prompt is not None or trial.prompt_sha256 is not None:
        return trial.prompt
    case = lab.corpus.by_id.get(trial.case or "") if lab.corpus else None
    return case.prompt if case else None


def annotation(lab: Lab, question: Question) -> tuple[str, State]:
    """The trial of the question that carries its annotation (the first, unless another has one already)
    and what it adds up to: a person annotates a question, a session's records are about trials."""
    for trial in question.trials.values():
        state = lab.session.current(trial.id)
        if state != UNTOUCHED:
            return trial.id, state
    return question.first.id, UNTOUCHED
