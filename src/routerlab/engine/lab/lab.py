"""One sitting: arms, a runner and a session file, and everybody who watches.

The terminal app and the headless commands drive this same object and see the same events.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Literal

from routerlab.core.errors import LabError
from routerlab.core.familiarity import is_unfamiliar
from routerlab.core.prediction import Item, Prediction, Trial
from routerlab.core.session.file import SessionFile
from routerlab.core.session.run import Mark, MarkKind
from routerlab.core.session.session import Annotation, Header, Session
from routerlab.core.session.session import Event as SessionEvent
from routerlab.engine.arms.arm import Arm, Spec
from routerlab.engine.lab.events import Annotated, ArmChanged, Event, Notice, RunChanged, Severity, TrialDone
from routerlab.engine.lab.factory import ArmFactory
from routerlab.engine.lab.keeper import Keeper
from routerlab.engine.lab.materials import Materials, arm_record, changed, new_header
from routerlab.engine.lab.runner import UNSETTLED, Job, Progress, Runner
from routerlab.engine.remote.playback import RecordedArm
from routerlab.settings import Settings

Filter = Literal["all", "errors", "disagreements", "unfamiliar"]


class Lab:
    """Arms that answer prompts, and the session that remembers. To be made inside a running event loop.

    `runner` decides who is asked when: it can be paused, stepped and cancelled.
    """

    def __init__(
        self,
        materials: Materials,
        settings: Settings,
        make_arm: ArmFactory,
        path: Path | None,
        session: SessionFile | None = None,
        repeats: int = 1,
        bulk: int = 1,
        header: Header | None = None,
    ) -> None:
        """`path` is where a new session goes at its first record, None to save nothing; `session` is an
        open one to go on with; `bulk` cases of a replay are asked together (see Runner). `header` is for a
        new session of which there is more to say than the settings do.
        """
        self.taxonomy = materials.taxonomy
        self.taxonomy_path = materials.taxonomy_path
        self.corpus = materials.corpus
        self.settings = settings
        self.arms: dict[str, Arm] = {}
        self._make_arm = make_arm
        self._keeper = Keeper(path, session, header or new_header(materials, settings, repeats), self._told)
        self.runner = Runner(settings.schedule, settings.timeout_s, self._deliver, self._run_changed, bulk)
        self._watchers: list[Callable[[Event], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._saving = asyncio.Lock()
        self._closed = False
        self._typed: Counter[str] = Counter()
        for trial in self.session.trials:
            if trial.prompt is not None:
                self._typed[trial.prompt] = max(self._typed.pop(trial.prompt, 0), trial.repeat)

    @property
    def path(self) -> Path | None:
        """Where the session is saved, or will be; None: nowhere."""
        return self._keeper.path

    @path.setter
    def path(self, path: Path | None) -> None:
        self._keeper.path = path

    @property
    def session(self) -> Session:
        """Header, arms, trials and annotations of this sitting."""
        return self._keeper.session

    @property
    def saved(self) -> bool:
        """Whether there is a session file (there is none before the first record)."""
        return self._keeper.saved

    @property
    def unsaved(self) -> int:
        """Records that wait in memory because the disk refused them; one that is being written is none."""
        return self._keeper.unsaved

    @property
    def typed(self) -> list[str]:
        """The prompts that were typed in this session, each once, the one asked last at the end."""
        return list(self._typed)

    @property
    def progress(self) -> Progress:
        """Where the run stands."""
        return self.runner.progress

    def subscribe(self, watcher: Callable[[Event], None]) -> Callable[[], None]:
        """Call `watcher` on the event loop for every event; returns a function that ends the subscription."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def begin(self) -> None:
        """Called once somebody looks: a lab that follows another's session begins to."""

    def _emit(self, event: Event) -> None:
        loop = asyncio.get_running_loop()
        for watcher in self._watchers:  # soon, not now: a watcher's fault must not stop the lab
            loop.call_soon(watcher, event)

    def _told(self, message: str, fault: bool) -> None:
        self._emit(Notice(message, "error" if fault else "information"))

    def _run_changed(self) -> None:
        self._emit(RunChanged(self.progress))

    def _start_arm(self, arm: Arm) -> None:
        task = asyncio.create_task(arm.start())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- arms ---

    def add_arm(self, spec: Spec) -> None:
        """Start loading an arm in the background; LabError if the name is taken. ArmChanged follows."""
        if spec.name in self.arms:
            raise LabError(f"there is an arm {spec.name!r} already")
        self._open(spec, spec.name)
        self._emit(ArmChanged(spec.name))

    def add_connection(self, name: str) -> None:
        """Load an arm that is here once more, to answer submitted questions beside it, under its name."""
        free = (key for n in count(2) if (key := f"{name}#{n}") not in self.arms)
        self._open(self.arms[name].spec, next(free))

    def _open(self, spec: Spec, key: str) -> None:
        arm = self.arms[key] = self._make_arm(spec)
        if isinstance(arm, RecordedArm):
            arm.go_on(t.recorded for t in self.session.trials if t.arm == spec.name and t.recorded)
        arm.on_change = self._arm_changed
        self.runner.add(arm, key)
        self._start_arm(arm)

    async def remove_arm(self, name: str) -> None:
        """Stop an arm; its pending questions are dropped. ArmChanged follows."""
        arm = self.arms[name]
        await arm.stop()
        await self.runner.remove(name)
        await arm.stop()  # it may have been started again meanwhile
        self.arms.pop(name, None)  # only now: a new arm of this name must not share the old one's lane
        self._emit(ArmChanged(name))

    async def restart_arm(self, name: str) -> None:
        """Stop an arm and load it again."""
        arm = self.arms[name]
        await arm.stop()
        if self.arms.get(name) is arm and not self._closed:
            self._start_arm(arm)

    def _arm_changed(self, arm: Arm) -> None:
        self._emit(ArmChanged(arm.spec.name))
        if arm.state.phase in ("crashed", "failed"):
            what = "is started again" if arm.state.phase == "crashed" else "is out"
            severity: Severity = "warning" if arm.state.phase == "crashed" else "error"
            self._emit(Notice(f"{arm.spec.name} {what}: {arm.state.message}", severity))
        self.runner.poke()

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
        self._typed[text] = self._typed.pop(text, 0) + 1  # to the end
        self.runner.ask(Item(prompt=text), self._typed[text])

    def cases(self, which: Filter = "all", family: str | None = None) -> list[Item]:
        """The corpus's cases that a replay with this filter would ask.

        "errors": an arm's latest answer was wrong; "disagreements": the latest answers differ; "unfamiliar":
        the prompt is so to an arm.
        """
        if self.corpus is None:
            return []
        latest: dict[str, dict[str, Trial]] = {}
        for trial in self.session.trials:
            if trial.case is not None and trial.status not in ("cancelled", "unrouted"):
                latest.setdefault(trial.case, {})[trial.arm] = trial
        chosen = []
        for case in self.corpus.case:
            answers = list(latest.get(case.id, {}).values())
            wrong = any(t.correct is False for t in answers)
            differ = len({t.label for t in answers}) > 1
            strange = any(is_unfamiliar(t.familiarity) for t in answers)
            if family is not None and self.taxonomy.families.get(case.label or "") != family:
                continue
            fits = {"all": True, "errors": wrong, "disagreements": differ, "unfamiliar": strange}
            if fits[which]:
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

    async def ask_one(self, name: str, item: Item, repeat: int) -> Trial | None:
        """Ask one arm one item as a run of its own, and wait for the trial: None when the arm was given up.

        For those who decide themselves who is asked next. LabError when a run is going on.
        """
        before = len(self.session.trials)
        self._start([(item, repeat, [name])])
        await self.finished()
        mine = (t for t in self.session.trials[before:] if t.arm == name and t.repeat == repeat)
        return next((t for t in mine if (t.case or t.prompt) == (item.case or item.prompt)), None)

    async def rehearse(self, name: str, prompt: str, kind: MarkKind) -> Mark | None:
        """Ask one arm a prompt that counts for nothing: it becomes a mark of this kind, and no trial.

        None when the arm was given up. LabError when a run is going on.
        """
        before = len(self.session.marks)
        self._start([(Item(prompt=prompt), 1, [name])], kind)
        await self.finished()
        return next((m for m in self.session.marks[before:] if (m.kind, m.arm) == (kind, name)), None)

    def _missing(self, items: Sequence[Item], repeat: int) -> list[tuple[Item, int, list[str]]]:
        done = self.session.keys()
        jobs = [
            (i, repeat, [a for a in self.arms if (i.case or i.prompt, a, repeat) not in done]) for i in items
        ]
        return [job for job in jobs if job[2]]

    def _start(self, wanted: list[tuple[Item, int, list[str]]], mark: MarkKind | None = None) -> None:
        if self.progress.phase != "idle":
            raise LabError("a run is going on: cancel it first")
        if not self.arms:
            raise LabError("there is no arm to ask: add one first")
        self.runner.start(wanted, mark)

    async def finished(self) -> None:
        """Wait for the end of the run."""
        await self.runner.idle.wait()

    # --- what is written down ---

    async def _deliver(self, arm: Arm, job: Job, prediction: Prediction, contended: bool) -> None:
        item = job.item
        if job.mark is not None:
            told = {"status": prediction.status, "took_ms": prediction.latency_ms.total}
            await self.record(Mark(at=datetime.now(UTC), arm=arm.spec.name, kind=job.mark, **told))
            return
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
                session=job.due.session if job.due else None,
                due=job.due.at if job.due else None,
                contended=contended,
            )
            await self._describe(arm)
            await self._keeper.append(trial)
        self._emit(TrialDone(trial))

    async def describe_arms(self) -> None:
        """Write down every arm as it was loaded, where the session does not say so yet."""
        async with self._saving:
            for arm in self.arms.values():
                await self._describe(arm)

    async def _describe(self, arm: Arm) -> None:
        record = arm_record(arm)
        known = self.session.arms.get(arm.spec.name)
        if record is not None and (known is None or changed(known, record)):
            await self._keeper.append(record)

    async def record(self, event: SessionEvent) -> None:
        """Write down something that is neither a trial nor an annotation."""
        async with self._saving:
            await self._keeper.append(event)

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
            await self._keeper.append(
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
        self.runner.cancel_all()
        await asyncio.gather(*(arm.stop() for arm in self.arms.values()))
        for name in self.arms:
            await self.runner.remove(name)
        for task in list(self._tasks):
            with suppress(asyncio.CancelledError):
                await task
        await self._keeper.close()
