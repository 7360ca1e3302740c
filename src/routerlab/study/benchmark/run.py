"""Carries a plan out: asks what a session does not have yet, one by one, and notes what goes on."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from routerlab.bench.memory import free_memory
from routerlab.core.corpus import Case
from routerlab.core.errors import Exit, LabError
from routerlab.core.prediction import Trial
from routerlab.core.session.run import Mark, MarkKind, RunRecord
from routerlab.core.session.session import Session
from routerlab.core.text import plural
from routerlab.engine.arms.arm import ArmSpec, Spec
from routerlab.engine.lab.lab import Lab
from routerlab.engine.lab.runner import Progress
from routerlab.engine.lab.start import Say, start_arms
from routerlab.models.fingerprint import file_sha256
from routerlab.study.benchmark.notes import Notes, check_arms
from routerlab.study.benchmark.plan import Plan, Question, questions
from routerlab.study.benchmark.resident import MemoryWatch
from routerlab.study.benchmark.watch import smoothed, spread

REFERENCE = "How many days are there in a leap year? I need it for a calendar, one number will do."
"""Asked to warm arms up and to notice drift; in no corpus that ships."""


@dataclass(frozen=True)
class Benchmark:
    """What is carried out: a plan, its arms and cases, and the `weights` (hash by file) it was checked with.

    `run` is what the session says of it, `leaks` are caveats that were found beforehand, `gpu` tells that the
    build of the library can use one.
    """

    plan: Plan
    specs: Sequence[Spec]
    cases: Sequence[Case]
    corpus_path: Path
    weights: Mapping[Path, str]
    run: RunRecord
    leaks: Sequence[str] = ()
    gpu: bool = False


async def carry_out(work: Benchmark, lab: Lab, say: Say, show: Callable[[Progress], None]) -> list[str]:
    """Load the arms, ask what is missing, and return the names of arms that were given up on the way.

    LabError when an arm cannot be loaded (exit 3), is not what the session has under its name (exit 2), or
    the disk is full. To be stopped by cancelling it; `lab.close()` is the caller's.
    """
    run = _Run(work, lab, say, show)
    await run.load()
    await run.warm_up()
    await run.ask()
    await run.finish()
    return run.lost


def _seconds_left(times: Mapping[str, Sequence[float]], owed: Mapping[str, int]) -> float | None:
    """Seconds for the questions that are owed to each arm, where others took `times`; None without any."""
    known = {arm: fmean(own) for arm, own in times.items()}
    return sum(n * known.get(arm, fmean(known.values())) for arm, n in owed.items()) if known else None


class _Run:
    """The run while it goes on."""

    def __init__(self, work: Benchmark, lab: Lab, say: Say, show: Callable[[Progress], None]) -> None:
        self.lost: list[str] = []
        self._work, self._lab, self._say, self._show = work, lab, say, show
        self._notes = Notes(lab, say)
        self._reference = next((s.name for s in work.specs if isinstance(s, ArmSpec)), None)
        self._drifted = False

    async def load(self) -> None:
        """Every arm loaded and written down with its memory, and what the arms do not have in common."""
        work, lab = self._work, self._lab
        watch = MemoryWatch(lab)
        marks: list[Mark] = []
        free = await free_memory() if work.gpu else {}
        for spec in work.specs:
            await start_arms(lab, [spec], self._say)
            if (mark := watch.mark(spec.name, "loaded")) is not None:
                if free:
                    before, free = free, await free_memory()
                    taken = {name: max(0, size - free.get(name, size)) for name, size in before.items()}
                    mark = mark.model_copy(update={"memory": {**(mark.memory or {}), **taken}})
                marks.append(mark)
        check_arms(lab, "begin a new result with --new, or ")
        await self._notes.begin(work.run, marks, work.leaks)
        self._check_disk()

    def _check_disk(self) -> None:
        if self._lab.unsaved:
            raise LabError(f"{self._lab.path}: cannot be written; make room and give the command again")

    async def warm_up(self) -> None:
        """Questions to every arm that do not count: the first answers are slower."""
        for name in self._lab.arms:
            for _ in range(self._work.plan.warmups):
                await self._rehearse(name, "warmup")

    async def ask(self) -> None:
        """Everything in the plan's order that the session does not have yet."""
        plan, begun = self._work.plan, time.monotonic()
        times: dict[str, list[float]] = defaultdict(list)
        cases = {case.id: case for case in self._work.cases}
        everything = questions(plan, list(cases), list(self._lab.arms))
        done = self._lab.session.keys()
        left = [question for question in everything if question not in done]
        total, before = len(everything), len(everything) - len(left)
        owed = Counter(question.arm for question in left)
        if before and left:
            self._say(f"going on: {before} of {total} answers are there already")
        for asked, question in enumerate(left):
            if asked % plan.drift.every == 0:
                await self._look_at_speed()
            start = time.monotonic()
            if question.arm not in self.lost:
                trial = await self._lab.ask_one(question.arm, cases[question.case].item, question.repeat)
                if trial is not None:
                    times[question.arm].append(time.monotonic() - start)
                    owed[question.arm] -= 1
                await self._note(question, trial)
            asked_of = {arm: n for arm, n in owed.items() if arm not in self.lost}
            done_now, elapsed = total - owed.total(), time.monotonic() - begun
            self._show(Progress("running", done_now, total, elapsed, _seconds_left(times, asked_of)))
        if left:
            await self._look_at_speed()

    async def _note(self, question: Question, trial: Trial | None) -> None:
        """Write down what is out of the ordinary; LabError when the disk takes no more."""
        if trial is not None and trial.status == "crashed":
            await self._notes.deviation(f"crashed at case {question.case}: {trial.error}", question.arm)
        await self._lose(question.arm)
        await self._notes.look_at_clocks()
        self._check_disk()

    async def _lose(self, name: str) -> None:
        """Ask an arm no more that was given up."""
        state = self._lab.arms[name].state
        if state.phase == "failed" and name not in self.lost:
            self.lost.append(name)
            await self._notes.deviation(f"{state.message}; it is asked no more", name)

    async def _look_at_speed(self) -> None:
        """Ask the same question as ever; a deviation where the machine is not as fast as it was."""
        if self._reference is None or self._reference in self.lost:
            return
        await self._rehearse(self._reference, "reference")
        times = self._times()
        if len(times) < 2:
            return
        share = times[-1] / times[0] - 1
        if abs(share) <= self._work.plan.drift.limit:
            self._drifted = False
        elif not self._drifted:  # told once, until it is over
            self._drifted = True
            how = "slower" if share > 0 else "faster"
            await self._notes.deviation(
                f"the machine is {abs(share):.0%} {how} than at the start: {self._reference} takes "
                f"{times[-1]:.0f} ms for what took {times[0]:.0f} ms then"
            )

    def _times(self) -> list[float]:
        marks = [m for m in self._lab.session.marks if (m.kind, m.arm) == ("reference", self._reference)]
        return smoothed([m.took_ms for m in marks if m.took_ms and m.status in ("ok", "unparsed")])

    async def _rehearse(self, name: str, kind: MarkKind) -> None:
        if name not in self.lost:
            mark = await self._lab.rehearse(name, REFERENCE, kind)
            if mark is not None and mark.status == "crashed":
                await self._notes.deviation(f"crashed at a {kind} question", name)
            await self._lose(name)

    async def finish(self) -> None:
        """Look again at what may have changed meanwhile: the corpus, the weights, memory, the speed."""
        work = self._work
        pinned = self._lab.session.header.corpus
        assert pinned is not None
        await self._notes.look_at_corpus(work.corpus_path, pinned.sha256)
        for path, sha256 in work.weights.items():
            try:
                same = await asyncio.to_thread(file_sha256, path) == sha256
            except LabError:
                same = False
            if not same:
                await self._notes.deviation(f"{path} was changed during the run")
        watch = MemoryWatch(self._lab)
        for name in self._lab.arms:
            if name not in self.lost and (mark := watch.mark(name, "end")) is not None:
                await self._lab.record(mark)
        if (far := spread(self._times())) is not None:
            self._say(f"speed: {self._reference} kept within {far:.0%} of its median for the same question")


def missing(work: Benchmark, session: Session) -> Counter[str]:
    """How many answers each arm still owes the plan; arms that owe none are left out."""
    done = session.keys()
    wanted = questions(work.plan, [case.id for case in work.cases], [spec.name for spec in work.specs])
    return Counter(question.arm for question in wanted if question not in done)


def given_up(lost: Sequence[str], owed: Mapping[str, int], path: Path | None, again: str) -> LabError:
    """The error (exit 3) for a run that could not ask all it should; `again` names the command to go on."""
    names = ", ".join(f"{name} ({plural(owed.get(name, 0), 'question')} not asked)" for name in lost)
    message = f"given up: {names}; all other answers are in {path}, and {again} asks the rest"
    return LabError(message, Exit.MISSING)
