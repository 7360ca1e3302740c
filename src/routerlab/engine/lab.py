"""One sitting: arms, a runner and a session file, and everybody who watches.

The terminal app and the headless commands drive this same object and see the same events.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from routerlab.core.errors import LabError
from routerlab.core.prediction import Item, Prediction, Trial
from routerlab.core.session import (
    Annotation,
    Session,
)
from routerlab.core.session import (
    Event as SessionEvent,
)
from routerlab.core.sessionfile import SessionFile
from routerlab.engine.arm import Arm, ArmSpec
from routerlab.engine.events import Annotated, ArmChanged, Event, Notice, RunChanged, Severity, TrialDone
from routerlab.engine.factory import ArmFactory
from routerlab.engine.records import Materials, arm_record, new_header, same_arm
from routerlab.engine.runner import UNSETTLED, Job, Progress, Runner
from routerlab.settings import Settings

Filter = Literal["all", "errors", "disagreements"]


class Lab:
    """Arms that answer prompts, and the session that remembers. To be made inside a running event loop."""

    def __init__(
        self,
        materials: Materials,
        settings: Settings,
        make_arm: ArmFactory,
        path: Path | None,
        session: SessionFile | None = None,
        repeats: int = 1,
        bulk: int = 1,
    ) -> None:
        """`path` is where a new session goes at its first record, None to save nothing; `session` is an
        open one to go on with; `bulk` cases of a replay are asked together (see Runner).
        """
        self.taxonomy = materials.taxonomy
        self.taxonomy_path = materials.taxonomy_path
        self.corpus = materials.corpus
        self.settings = settings
        self.arms: dict[str, Arm] = {}
        self.path = session.path if session else path
        self._make_arm = make_arm
        self._file = session
        self._homeless: list[SessionEvent] = []
        self._refused = False
        self._draft = Session(new_header(materials, settings, repeats))
        self._runner = Runner(settings.schedule, settings.timeout_s, self._deliver, self._run_changed, bulk)
        self._watchers: list[Callable[[Event], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._saving = asyncio.Lock()
        self._closed = False
        self._typed: Counter[str] = Counter()
        for trial in self.session.trials:
            if trial.prompt is not None:
                self._typed[trial.prompt] = max(self._typed[trial.prompt], trial.repeat)

    @property
    def session(self) -> Session:
        """Header, arms, trials and annotations of this sitting."""
        return self._file.session if self._file else self._draft

    @property
    def saved(self) -> bool:
        """Whether there is a session file (there is none before the first record)."""
        return self._file is not None

    @property
    def unsaved(self) -> int:
        """Records that wait in memory because the disk refused them."""
        return len(self._file.pending) if self._file else len(self._homeless)

    @property
    def progress(self) -> Progress:
        """Where the run stands."""
        return self._runner.progress

    def subscribe(self, watcher: Callable[[Event], None]) -> Callable[[], None]:
        """Call `watcher` on the event loop for every event; returns a function that ends the subscription."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def _emit(self, event: Event) -> None:
        loop = asyncio.get_running_loop()
        for watcher in self._watchers:  # soon, not now: a watcher's fault must not stop the lab
            loop.call_soon(watcher, event)

    def _run_changed(self) -> None:
        self._emit(RunChanged(self.progress))

    def _spawn(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- arms ---

    def add_arm(self, spec: ArmSpec) -> None:
        """Start loading an arm in the background; LabError if the name is taken. ArmChanged follows."""
        if spec.name in self.arms:
            raise LabError(f"there is an arm {spec.name!r} already")
        arm = self._make_arm(spec)
        arm.on_change = self._arm_changed
        self.arms[spec.name] = arm
        self._runner.add(arm)
        self._spawn(asyncio.create_task(arm.start()))
        self._emit(ArmChanged(spec.name))

    async def remove_arm(self, name: str) -> None:
        """Stop an arm; its pending questions are dropped. ArmChanged follows."""
        await self.arms[name].stop()
        await self._runner.remove(name)
        self.arms.pop(name, None)  # only now: a new arm of this name must not share the old one's lane
        self._emit(ArmChanged(name))

    async def restart_arm(self, name: str) -> None:
        """Stop an arm and load it again."""
        arm = self.arms[name]
        await arm.stop()
        self._spawn(asyncio.create_task(arm.start()))

    def _arm_changed(self, arm: Arm) -> None:
        self._emit(ArmChanged(arm.spec.name))
        if arm.state.phase in ("crashed", "failed"):
            what = "is started again" if arm.state.phase == "crashed" else "is out"
            severity: Severity = "warning" if arm.state.phase == "crashed" else "error"
            self._emit(Notice(f"{arm.spec.name} {what}: {arm.state.message}", severity))
        self._runner.poke()

    async def settled(self) -> None:
        """Wait until no arm is loading any more."""
        changed = asyncio.Event()
        stop = self.subscribe(lambda event: changed.set() if isinstance(event, ArmChanged) else None)
        while any(arm.state.phase in UNSETTLED for arm in self.arms.values()):
            changed.clear()
            await changed.wait()
        stop()

    # --- asking ---

    def ask(self, prompt: str) -> None:
        """Put a typed prompt to every arm, ahead of any run; TrialDone follows for each.

        LabError if the prompt is empty or there is no arm.
        """
        if not prompt.strip():
            raise LabError("the prompt is empty: type what a user would ask")
        if not self.arms:
            raise LabError("there is no arm to ask: add one first")
        text = prompt.encode("utf-8", "replace").decode()
        self._typed[text] += 1
        self._runner.ask(Item(prompt=text), self._typed[text])

    def cases(self, which: Filter = "all", family: str | None = None) -> list[Item]:
        """The corpus's cases that a replay with this filter would ask.

        "errors": an arm's latest answer was wrong; "disagreements": the latest answers differ.
        """
        if self.corpus is None:
            return []
        latest: dict[str, dict[str, Trial]] = {}
        for trial in self.session.trials:
            if trial.case is not None and trial.status != "cancelled":
                latest.setdefault(trial.case, {})[trial.arm] = trial
        chosen = []
        for case in self.corpus.case:
            answers = list(latest.get(case.id, {}).values())
            wrong = any(t.correct is False for t in answers)
            differ = len({t.label for t in answers}) > 1
            if family is not None and self.taxonomy.families.get(case.label or "") != family:
                continue
            if which == "all" or (which == "errors" and wrong) or (which == "disagreements" and differ):
                chosen.append(case.item)
        return chosen

    def replay(self, items: Sequence[Item], again: bool = False) -> None:
        """Ask every arm every item once. Goes on where this session stopped; when nothing is left of the
        current repeat, begins the next. `again` asks all of `items` once more.

        LabError when a run is going on or there is no arm.
        """
        last = 1 + max((t.repeat for t in self.session.trials if t.case is not None), default=0)
        for repeat in range(last if again else 1, last + 1):
            wanted = self._missing(items, repeat)
            if wanted:
                return self._start(wanted)
        return self._start([])

    def replay_repeats(self, items: Sequence[Item], repeats: int) -> None:
        """Ask every arm every item `repeats` times, those already in the session excepted."""
        self._start([job for repeat in range(1, repeats + 1) for job in self._missing(items, repeat)])

    def _missing(self, items: Sequence[Item], repeat: int) -> list[tuple[Item, int, list[str]]]:
        done = self.session.keys()
        jobs = [
            (i, repeat, [a for a in self.arms if (i.case or i.prompt, a, repeat) not in done]) for i in items
        ]
        return [job for job in jobs if job[2]]

    def _start(self, wanted: list[tuple[Item, int, list[str]]]) -> None:
        if self.progress.phase != "idle":
            raise LabError("a run is going on: cancel it first")
        if not self.arms:
            raise LabError("there is no arm to ask: add one first")
        self._runner.start(wanted)

    def pause(self) -> None:
        """Let the questions in progress finish and begin no other of the run."""
        self._runner.pause()

    def resume(self) -> None:
        """Go on after a pause."""
        self._runner.resume()

    def step(self) -> None:
        """While paused: one more item, then pause again."""
        self._runner.step()

    def cancel(self) -> None:
        """End the run; its questions in progress end as "cancelled"."""
        self._runner.cancel()

    async def finished(self) -> None:
        """Wait for the end of the run."""
        await self._runner.idle.wait()

    # --- what is written down ---

    async def _deliver(self, arm: Arm, job: Job, prediction: Prediction, contended: bool) -> None:
        item = job.item
        async with self._saving:
            trial = Trial(
                **prediction.model_dump(),
                id=self.session.next_trial_id(),
                at=datetime.now(UTC),
                arm=arm.spec.name,
                repeat=job.repeat,
                case=item.case,
                prompt=None if item.case is not None else item.prompt,
                gold=item.gold,
                contended=contended,
            )
            record = arm_record(arm)
            known = self.session.arms.get(arm.spec.name)
            if record is not None and (known is None or not same_arm(known, record)):
                await self._append(record)
            await self._append(trial)
        self._emit(TrialDone(trial))

    async def _append(self, event: SessionEvent) -> None:
        """Write one record, off the event loop; a disk that refuses becomes a notice, the record waits."""
        if self.path is None:
            self._draft.add(event)
            return
        failure: LabError | None = None
        if self._file is None:
            try:
                self._file = await asyncio.to_thread(SessionFile.create, self.path, self._draft.header)
            except LabError as e:  # keep the sitting here; the next record tries again
                failure = e
                self._draft.add(event)
                self._homeless.append(event)
        if self._file is not None:
            for record in (*self._homeless, event):
                try:
                    await asyncio.to_thread(self._file.append, record)
                except LabError as e:  # the record waits in the file's memory
                    failure = e
            self._homeless.clear()
        if failure and not self._refused:  # told once; `unsaved` counts what waits
            self._emit(Notice(str(failure), "error"))
        if self._refused and not failure:
            self._emit(Notice(f"{self.path}: written again, nothing was lost"))
        self._refused = failure is not None

    async def annotate(
        self,
        trial_id: str,
        *,
        label: str | None = None,
        action: Literal["skip", "flag", "undo"] | None = None,
        note: str | None = None,
    ) -> None:
        """Append an annotation of this trial; Annotated follows."""
        async with self._saving:
            await self._append(
                Annotation(
                    id=self.session.next_annotation_id(),
                    at=datetime.now(UTC),
                    trial=trial_id,
                    label=label,
                    action=action,
                    note=note,
                    annotator=self.settings.annotator,
                )
            )
        self._emit(Annotated(trial_id))

    async def undo(self) -> str | None:
        """Undo the latest annotation that still counts; the trial it was on, or None if there is none."""
        target = self.session.last_annotated()
        if target is None or target[0] != "trial":
            return None
        await self.annotate(target[1], action="undo")
        return target[1]

    async def close(self) -> None:
        """Cancel, stop every arm, write what waits, close the session. Idempotent.

        LabError when records could not be written; it says where they were put instead.
        """
        if self._closed:
            return
        self._closed = True
        self._runner.cancel_all()
        await asyncio.gather(*(arm.stop() for arm in self.arms.values()))
        for name in self.arms:
            await self._runner.remove(name)
        for task in list(self._tasks):
            with suppress(asyncio.CancelledError):
                await task
        if self._file:
            await asyncio.to_thread(self._file.close)
        elif self._homeless:
            await asyncio.to_thread(self._house)

    def _house(self) -> None:
        """Make the session's file after all, in the temporary folder if need be (then LabError says so)."""
        assert self.path is not None
        reason = ""
        try:
            file = SessionFile.create(self.path, self._draft.header)
        except LabError as e:
            folder = Path(tempfile.mkdtemp(prefix="routerlab-"))
            reason = f"{e}; this session is in {folder / self.path.name} instead"
            file = SessionFile.create(folder / self.path.name, self._draft.header)
        with file:
            for record in self._homeless:
                file.append(record)
        self._homeless.clear()
        if reason:
            raise LabError(reason)
