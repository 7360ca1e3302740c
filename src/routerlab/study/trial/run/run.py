"""Carries a locked protocol out: sends what a session file does not have yet, takes the looks that are due,
and writes down whatever was not as planned.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from routerlab.core.errors import LabError
from routerlab.core.prediction import Trial
from routerlab.core.session.run import RunRecord
from routerlab.core.session.session import Session
from routerlab.core.text import plural
from routerlab.engine.lab.lab import Lab
from routerlab.engine.lab.materials import arm_record
from routerlab.engine.lab.runner import Progress
from routerlab.engine.lab.start import Say, connect, start_arms
from routerlab.study.benchmark.notes import Notes, check_arms
from routerlab.study.benchmark.resident import MemoryWatch
from routerlab.study.benchmark.run import REFERENCE
from routerlab.study.trial.protocol.assignment import Planned
from routerlab.study.trial.protocol.interim import LookPoint, Standing, standing
from routerlab.study.trial.protocol.lock import Lock
from routerlab.study.trial.protocol.peeks import forget_peeks, waiting_peeks
from routerlab.study.trial.protocol.registration import Registered
from routerlab.study.trial.protocol.session import answered, ended, trial_runs
from routerlab.study.trial.run.loadgen import LoadGenerator, Sending

LATE_S = 0.1
"""A session that the lab itself sent so late is a deviation; its latency counts from when it was due."""

Show = Callable[[Progress], None]


@dataclass(frozen=True)
class Work:
    """What is carried out: the protocol with what it names, its lock, and the session's record of the run."""

    registered: Registered
    lock: Lock
    run: RunRecord
    leaks: Sequence[str] = ()


def check_session(session: Session, path: Path, lock: Lock) -> None:
    """LabError when the session is not of a trial under this lock, or the trial is over."""
    runs = trial_runs(session)
    if not runs:
        raise LabError(f"{path}: is no trial's session; name another file with --out")
    if runs[-1].sha256 != lock.sha256:
        raise LabError(
            f"{path}: has sessions of {runs[-1].name!r} under another lock ({runs[-1].sha256[:12]}, this one "
            f"is {lock.sha256[:12]}); name another file with --out"
        )
    if (end := ended(session)) is not None:
        raise LabError(
            f"{path}: this trial is over ({end}); `routerlab trial analyze {path}` shows the result"
        )


class TrialRun:
    """A run of a trial, for whoever drives it: a command, or a screen that pauses it."""

    def __init__(self, work: Work, lab: Lab, say: Say, show: Show) -> None:
        self.work, self.lab = work, lab
        self._say, self._show = say, show
        self._registered = work.registered
        self._protocol = work.registered.protocol
        self.planned = work.registered.planned()
        """All sessions in order."""
        self.standing = Standing()
        """Looks taken and arms dropped so far."""
        self.generator: LoadGenerator | None = None
        """What sends sessions; None before and after."""
        self._notes = Notes(lab, say)

    def pause(self) -> None:
        """Send nothing until `resume`; what is under way is answered."""
        if self.generator:
            self.generator.pause()

    async def resume(self) -> None:
        """Go on after a pause, which becomes a deviation."""
        if self.generator and (waited := self.generator.resume()):
            n = len(answered(self.lab.session))
            await self._notes.deviation(f"paused for {waited:.1f} s, at {n} of {len(self.planned)} sessions")

    async def carry_out(self) -> str:
        """Load the arms, send what is missing, take the looks that are due; how the trial ended.

        LabError when an arm cannot be loaded (exit 3) or is not what was locked (exit 2), or the disk is
        full. To be stopped by cancelling it; `lab.close()` is the caller's.
        """
        await self._load()
        generator = LoadGenerator(
            self.lab, self._protocol.traffic, lambda one: one.arm in self.standing.dropped, self._done
        )
        self.generator = generator
        try:
            async with asyncio.timeout(self._protocol.limit_minutes * 60):
                how = await self._send(generator)
        except TimeoutError:
            left = len(self._missing(None))
            limit = f"time limit of {self._protocol.limit_minutes:g} minutes"
            how = f"{limit}, {plural(left, 'session')} not answered"
            await self._notes.deviation(how)
        finally:
            await self.resume()  # stopped in a pause, it was a pause all the same
            self.generator = None
            generator.close()
        await self._note_generator(generator)
        await self._look_back()
        await self._notes.add("end", how)
        return how

    async def _load(self) -> None:
        lab, specs = self.lab, self._registered.specs
        memory = MemoryWatch(lab)
        await start_arms(lab, specs, self._say)
        loaded = [mark for spec in specs if (mark := memory.mark(spec.name, "loaded")) is not None]
        locked = {arm.name: set(arm.files.values()) for arm in self.work.lock.arm}
        check_arms(lab)
        for name, arm in lab.arms.items():
            model = getattr(arm_record(arm), "model_sha256", None)
            if model is not None and model not in locked[name]:
                raise LabError(f"{name}: the model that was loaded is not the one that was locked")
        await connect(lab, {arm.name: arm.connections - 1 for arm in self.work.lock.arm}, self._say)
        interrupted = bool(lab.session.runs)
        await self._notes.begin(self.work.run, loaded, self.work.leaks)
        if interrupted:
            n = len(answered(lab.session))
            await self._notes.deviation(
                f"interrupted after {n} of {len(self.planned)} sessions, and gone on with"
            )
        await self._take_peeks()
        for name in list(lab.arms):
            for _ in range(self._protocol.warmups if "#" not in name else 1):
                await lab.rehearse(name, REFERENCE, "warmup")

    async def _send(self, generator: LoadGenerator) -> str:
        """Segment by segment, each up to the next look; how the trial ended."""
        due = self._registered.due(len(self.planned))
        cases = self._registered.corpus.by_id
        while True:
            self.standing = standing(
                self._protocol, self.planned, self._registered.routed, self.lab.session.trials
            )
            await self._note_looks()
            point = self.standing.next
            wanted = self._missing(point)
            if self.standing.stop or not wanted:
                return self.standing.stop or "every session is answered"
            sessions = [
                Sending(p.id, p.arm, cases[p.case].item, p.repeat, due[p.index] if due else 0.0)
                for p in wanted
            ]
            first = wanted[0].index
            await generator.send(sessions, due[first - 1] if due and first else 0.0)
            if len(self._missing(point)) == len(wanted) and not self.standing.stop:
                raise LabError(f"{self.lab.path}: no session was answered; see the arms' messages above")

    def _missing(self, point: LookPoint | None) -> list[Planned]:
        """The sessions up to a look, or to the end, that are neither answered nor of a dropped arm."""
        done = answered(self.lab.session)
        until = point.after if point else len(self.planned)
        return [p for p in self.planned[:until] if p.id not in done and p.arm not in self.standing.dropped]

    def _done(self, trial: Trial) -> None:
        """Wald's test goes on with every answer; the other looks wait for theirs."""
        total = len(self.planned)
        session = self.lab.session
        self._show(Progress("running", len(answered(session)), total))
        if self._protocol.looks.rule == "sprt":
            self.standing = standing(self._protocol, self.planned, self._registered.routed, session.trials)
            if self.standing.stop and self.generator:
                self.generator.stop()

    async def _note_looks(self) -> None:
        told = {mark.reason for mark in self.lab.session.marks if mark.kind == "look"}
        lines = [str(look) for look in self.standing.looks]
        lines += [
            f"{arm}: {verdict} after {plural(n, 'case')}"
            for arm, (verdict, n) in self.standing.verdicts.items()
            if verdict != "undecided"
        ]
        lines += [f"{arm}: dropped, {why}" for arm, why in self.standing.dropped.items()]
        for line in lines:
            if line not in told:
                self._say(line)
                await self._notes.add("look", line)

    async def _note_generator(self, generator: LoadGenerator) -> None:
        if generator.latest_s > LATE_S:
            await self._notes.deviation(
                f"the lab sent a session {generator.latest_s * 1000:.0f} ms late; its latency counts from "
                "when it was due"
            )
        await self._notes.look_at_clocks()

    async def _look_back(self) -> None:
        """What may have happened meanwhile: crashes, arms that are out, another corpus, peeks."""
        crashed = Counter(t.arm for t in answered(self.lab.session).values() if t.status == "crashed")
        for name, n in crashed.items():
            await self._notes.deviation(f"{plural(n, 'session')} ended in a crash", name)
        for name, arm in self.lab.arms.items():
            if arm.state.phase == "failed":
                await self._notes.deviation(f"was given up: {arm.state.message}", name)
        await self._notes.look_at_corpus(self._registered.corpus_path, self._registered.corpus.sha256)
        await self._take_peeks()

    async def _take_peeks(self) -> None:
        path = self.lab.path
        if path is not None and (peeks := waiting_peeks(path)):
            for reason in peeks:
                await self._notes.deviation(reason)
            with suppress(OSError):  # they are taken once more when the trial goes on: better than never
                forget_peeks(path, len(peeks))
