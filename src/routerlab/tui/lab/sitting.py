"""The questions of a sitting, in the order they were first answered, and the arms' running figures."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from routerlab.core.familiarity import is_unfamiliar
from routerlab.core.prediction import Trial
from routerlab.core.statistics.metrics import Running


@dataclass
class Question:
    """One item and repeat: the trials that answer it side by side, by arm. `number` counts from 1."""

    number: int
    trials: dict[str, Trial] = field(default_factory=dict)

    @property
    def first(self) -> Trial:
        """The trial that arrived first; a question has at least one."""
        return next(iter(self.trials.values()))

    @property
    def unfamiliar(self) -> bool:
        """Whether its prompt is unfamiliar to an arm."""
        return any(is_unfamiliar(trial.familiarity) for trial in self.trials.values())


@dataclass
class Sitting:
    """Grows trial by trial in constant time; nothing is ever computed over all of it again."""

    questions: list[Question] = field(default_factory=list)
    unfamiliar: list[Question] = field(default_factory=list)
    """Those that are, in the order in which an arm said so."""
    running: dict[str, Running] = field(default_factory=dict)
    last: dict[str, Question] = field(default_factory=dict)
    """The question each arm answered last."""
    latest: Question | None = None
    waiting: Counter[str] = field(default_factory=Counter)
    """Typed prompts that an arm has yet to answer, by arm."""
    _by_group: dict[tuple[str, int], Question] = field(default_factory=dict)
    _by_trial: dict[str, Question] = field(default_factory=dict)

    def add(self, trial: Trial) -> Question:
        """Take a trial in; the question it belongs to."""
        question = self._by_group.get(trial.group)
        if question is None:
            question = Question(len(self.questions) + 1)
            self.questions.append(question)
            self._by_group[trial.group] = question
        if is_unfamiliar(trial.familiarity) and not question.unfamiliar:
            self.unfamiliar.append(question)
        question.trials[trial.arm] = trial
        self._by_trial[trial.id] = question
        if trial.case is None and self.waiting[trial.arm]:
            self.waiting[trial.arm] -= 1
        self.running.setdefault(trial.arm, Running()).add(trial)
        self.last[trial.arm] = self.latest = question
        return question

    def asked(self, arms: Sequence[str]) -> None:
        """Note that a typed prompt went to these arms."""
        self.waiting.update(list(arms))  # a mapping would be taken for counts

    def of_trial(self, trial_id: str) -> Question | None:
        """The question that a trial belongs to."""
        return self._by_trial.get(trial_id)
