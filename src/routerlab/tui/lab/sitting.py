"""The questions of a sitting, in the order they were first answered, and the arms' running figures."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from routerlab.core.prediction import Trial
from routerlab.core.session.arm import AnyArmRecord
from routerlab.study.figures.rows import trial_row
from routerlab.study.figures.tally import RunningArm


@dataclass
class Question:
    """One item and repeat: the trials that answer it side by side, by arm. `number` counts from 1."""

    number: int
    trials: dict[str, Trial] = field(default_factory=dict)

    @property
    def first(self) -> Trial:
        """The trial that arrived first; a question has at least one."""
        return next(iter(self.trials.values()))


@dataclass
class Sitting:
    """Grows trial by trial in constant time; nothing is ever computed over all of it again."""

    questions: list[Question] = field(default_factory=list)
    running: dict[str, RunningArm] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    """Arms that answered since somebody last took note of their figures."""
    last: dict[str, Question] = field(default_factory=dict)
    """The question each arm answered last."""
    latest: Question | None = None
    waiting: Counter[str] = field(default_factory=Counter)
    """Typed prompts that an arm has yet to answer, by arm."""
    _by_group: dict[tuple[str, int], Question] = field(default_factory=dict)
    _by_trial: dict[str, Question] = field(default_factory=dict)

    def add(self, trial: Trial, record: AnyArmRecord | None = None) -> Question:
        """Take a trial in, of an arm of which that is recorded; the question it belongs to."""
        question = self._by_group.get(trial.group)
        if question is None:
            question = Question(len(self.questions) + 1)
            self.questions.append(question)
            self._by_group[trial.group] = question
        question.trials[trial.arm] = trial
        self._by_trial[trial.id] = question
        if trial.case is None and self.waiting[trial.arm]:
            self.waiting[trial.arm] -= 1
        running = self.running.setdefault(trial.arm, RunningArm())
        running.add(trial_row(trial, *trial.group, record), record)
        self.stale.add(trial.arm)
        self.last[trial.arm] = self.latest = question
        return question

    def asked(self, arms: Sequence[str]) -> None:
        """Note that a typed prompt went to these arms."""
        self.waiting.update(list(arms))  # a mapping would be taken for counts

    def of_trial(self, trial_id: str) -> Question | None:
        """The question that a trial belongs to."""
        return self._by_trial.get(trial_id)
