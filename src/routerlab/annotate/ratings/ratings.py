"""From session files to units: what each annotator, adjudicator and model said about each prompt.

People and models meet on a prompt, whichever file it came from: a unit's key is the folded prompt where that
is known, otherwise the case's id. A rater of several sessions is still one rater.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from routerlab.annotate.ratings.doubts import doubts, unfinished
from routerlab.annotate.ratings.pinned import About, asked, pinned_corpus, shown
from routerlab.annotate.ratings.unit import Collected, Decision, Rating, Unit
from routerlab.core.corpus import Corpus, fold
from routerlab.core.files.toml import load_toml
from routerlab.core.prediction import Trial
from routerlab.core.session.file import read_session
from routerlab.core.session.parse import Progress
from routerlab.core.session.session import Annotation, Header, Session, Target
from routerlab.core.text import plural


def collect(
    paths: Sequence[Path],
    corpora: Sequence[Path] = (),
    progress: Progress | None = None,
    cache: Path | None = None,
) -> Collected:
    """Everything that the sessions in `paths` say, a unit a prompt; LabError when one cannot be read.

    Prompts of pinned cases come from `corpora` (by hash), or from where the session's own corpus may lie;
    gold labels from these, and from any of `corpora` that has the prompt. Drafts are left out, labels of an
    older taxonomy are kept; both are noted. `cache` is a folder for snapshots (see read_session).
    """
    given = [load_toml(path, Corpus) for path in corpora]
    paths = list({path.resolve(): path for path in paths}.values())
    sizes = [path.stat().st_size if path.is_file() else 0 for path in paths]
    gathered = _Gathered(given)
    for i, path in enumerate(paths):
        opened = read_session(path, progress and _shifted(progress, sum(sizes[:i]), sum(sizes)), cache)
        gathered.add(path, opened.session, opened.torn)
    for path, corpus in zip(corpora, given, strict=True):
        if not gathered.add_gold(corpus):
            gathered.notes.append(f"{path}: has none of the sessions' prompts")
    return gathered.result()


def _shifted(progress: Progress, before: int, total: int) -> Progress:
    return lambda done, _: progress(before + done, total)


class _Gathered:
    """What the sessions say, as they are added one by one."""

    def __init__(self, given: Sequence[Corpus]) -> None:
        self._corpora: dict[str, Corpus | None] = {}
        self.notes: list[str] = []
        self._given = given
        self._units: dict[str, Unit] = {}
        self._answered: dict[tuple[str, str], datetime] = {}
        self._headers: list[Header] = []
        self._sessions: dict[Path, str] = {}
        self._arms: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        self._drafts: Counter[str] = Counter()
        self._again: dict[tuple[str, str], set[str]] = {}

    def add(self, path: Path, session: Session, torn: int) -> None:
        """Count one session in."""
        header, corpus = session.header, self._corpus(session, path)
        self._headers.append(header)
        self._sessions[path] = header.id
        if torn:
            self.notes.append(f"{path}: an unfinished record of {torn} bytes at the end is left out")
        for arm in session.arms.values():
            self._arms[arm.name].add(arm.identity)
        units: dict[Target, Unit] = {}
        for trial in session.trials:
            units["trial", trial.id] = unit = self._unit(asked(trial, session, corpus))
            self._answer(unit, trial)
        for case in session.cases:
            units["case", case] = self._unit(shown(case, session, corpus))
        lost = 0
        for target, events in session.standing().items():
            if target[0] == "case" and target not in units:
                units[target] = self._unit(shown(target[1], session, corpus))
            if target not in units:
                lost += len(events)
                continue
            for name in dict.fromkeys(event.annotator for event in events):
                own = [event for event in events if event.annotator == name]
                self._enter(units[target], name, own, header.id)
        if lost:
            self.notes.append(
                f"{path}: left out, because their trial is not in the file: {plural(lost, 'annotation')}"
            )

    def add_gold(self, corpus: Corpus) -> bool:
        """Enter the corpus's labels of prompts that were met; whether there is any such prompt."""
        cases = {fold(case.prompt): case for case in corpus.case}
        met = cases.keys() & self._units.keys()
        for key in met:
            unit, case = self._units[key], cases[key]
            unit.case, unit.gold = unit.case or case.id, unit.gold or case.label
        return bool(met)

    def result(self) -> Collected:
        """All of it, and what is doubtful about it."""
        newest = sorted(self._headers, key=lambda header: header.created, reverse=True)
        families: dict[str, str] = {}
        for header in newest:
            families = header.taxonomy.families | families
        current = newest[0].taxonomy.labels if newest else ()
        used = Counter(label for unit in self._units.values() for label in _labels(unit))
        older = {label: n for label, n in used.items() if label not in current}
        labels = (*current, *older)
        self.notes += [*unfinished(self._drafts, self._again), *doubts(self._units.values())]
        if older:
            which = ", ".join(f"{label} ({n})" for label, n in older.items())
            self.notes.append(f"not in the newest session's taxonomy, and kept: {which}")
        changed = [name for name, what in self._arms.items() if len(what) > 1]
        if changed:
            self.notes.append(f"not the same model and prompt in all sessions: {', '.join(changed)}")
        return Collected(self._units, labels, families, self._sessions, tuple(self.notes))

    def _corpus(self, session: Session, path: Path) -> Corpus | None:
        """The corpus that the session pins, if it is here."""
        pin = session.header.corpus
        if pin is None:
            return None
        if self._corpora.get(pin.sha256) is None:  # beside another session it may be found
            self._corpora[pin.sha256] = pinned_corpus(pin, path, self._given)
        return self._corpora[pin.sha256]

    def _unit(self, about: About) -> Unit:
        key = fold(about.prompt) if about.prompt is not None else f"case:{about.case}"
        unit = self._units.setdefault(key, Unit(key, about.prompt))
        unit.case = unit.case or about.case
        unit.gold = unit.gold or about.gold
        return unit

    def _answer(self, unit: Unit, trial: Trial) -> None:
        """The model's label, unless there is a later one already."""
        key, at = (unit.key, trial.arm), trial.at
        if trial.status == "ok" and trial.label is not None and at >= self._answered.get(key, at):
            unit.models[trial.arm], self._answered[key] = trial.label, at
            unit.sure[trial.arm] = (trial.probabilities or {}).get(trial.label)
            unit.familiar.pop(trial.arm, None)
            if trial.familiarity is not None:
                unit.familiar[trial.arm] = trial.familiarity

    def _enter(self, unit: Unit, name: str, events: Iterable[Annotation], session: str) -> None:
        """Add what the annotator said of one target, in this order, to what the same annotator said of the
        unit elsewhere."""
        rating: Rating | None = None
        decision: Decision | None = None
        note: str | None = None
        blind: Annotation | None = None
        draft = False
        for event in events:
            at, also = event.at, event.also or ()
            if event.note is not None and event.decides is None:
                note = event.note or None
            if event.label is not None:
                draft = event.draft is True
            if event.action == "flag":
                unit.flagged.add(name)
            elif event.action == "skip":
                rating = decision = None
                draft = False
            elif event.label is None or event.draft:
                continue
            elif event.decides is not None:
                decision = Decision(event.label, also, event.note, at, session, event.decides, event.fit)
            else:
                seen = event.seen or ("suggestion" if event.trial is not None else None)
                blind = blind if seen else event
                alone = (blind.label, blind.fit) if blind else (None, None)
                rating = Rating(event.label, also, None, at, session, seen, alone[0], event.fit, alone[1])
        self._drafts[name] += draft
        if note is not None:
            unit.notes[name] = note
        if decision and decision.at >= unit.decisions.get(name, decision).at:
            unit.decisions[name] = decision
        if rating:
            unit.ratings[name] = self._latest(unit, name, replace(rating, note=note))

    def _latest(self, unit: Unit, name: str, rating: Rating) -> Rating:
        """The later of a new rating and the one that stands, with the blind label of either."""
        old = unit.ratings.get(name)
        if old is None:
            return rating
        if old.session != rating.session:
            self._again.setdefault((name, unit.key), set()).update((old.label, rating.label))
        late, early = (rating, old) if rating.at >= old.at else (old, rating)
        alone = late if late.blind else early
        return replace(late, blind=alone.blind, blind_fit=alone.blind_fit)


def _labels(unit: Unit) -> Iterable[str]:
    """Every label that anybody gave to the unit."""
    people = [rating.label for rating in unit.ratings.values()]
    decided = [decision.label for decision in unit.decisions.values()]
    return [*people, *decided, *unit.models.values(), *([unit.gold] if unit.gold else [])]
