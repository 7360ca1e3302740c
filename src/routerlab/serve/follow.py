"""A lab that asks nobody: it shows the trials that another process, a server or a replay, writes down, and
keeps what is annotated of them in a session of its own, which stands alone."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from routerlab.core.errors import LabError
from routerlab.core.prediction import Item, Prediction, Trial
from routerlab.core.session.arm import AnyArmRecord, ArmRecord, BaselineRecord, RemoteRecord
from routerlab.core.session.file import SessionFile
from routerlab.core.session.session import Event
from routerlab.engine.arms.arm import Immediate, Spec
from routerlab.engine.contract.info import Info
from routerlab.engine.lab.events import Notice, TrialDone
from routerlab.engine.lab.lab import Lab
from routerlab.engine.lab.materials import Materials, changed, new_header
from routerlab.serve.drift import Drift, told, tuned
from routerlab.serve.tail import Tail, UrlTail
from routerlab.settings import Settings

EVERY_S = 0.5
"""Between two looks for what is new."""
PIECE = 100
"""Records that are taken in before the screen has its turn."""
SILENT = "this lab watches what others ask, and asks nobody: open another without --watch"


class Silent(Immediate):
    """What stands for an arm of somebody else's: it is shown, and never asked."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.spec = spec

    def _learn(self) -> Info:
        return Info(contract=self.spec.contract)

    async def ask(self, prompt: str, timeout_s: float) -> Prediction:
        """See SILENT."""
        return Prediction(status="refused", error=SILENT)


class FollowingLab(Lab):
    """A lab over somebody else's session. Its own has, of each annotated question, the trials of all arms as
    they were written, and the records of these arms."""

    def __init__(
        self,
        materials: Materials,
        settings: Settings,
        tail: Tail | UrlTail,
        path: Path,
        session: SessionFile | None = None,
        drift: int = 500,
    ) -> None:
        """`path` is where the session of one's own goes, `session` one to go on with; `drift` are the
        decisions that each arm's drift is looked for in."""
        header = new_header(materials, settings, 1, title=f"watched: {tail.name}")
        super().__init__(materials, settings, Silent, path, session, header=header)
        self._tail = tail
        self._records: dict[str, AnyArmRecord] = {}
        self._unwritten: set[str] = set()
        self._kept = {trial.id for trial in self.session.trials}
        self._restored = frozenset(self._kept)  # the screen takes in by itself what the session has
        self._chosen = {trial.group for trial in self.session.trials}
        self._questions: dict[tuple[str, int], list[Trial]] = defaultdict(list)
        self._groups: dict[str, tuple[str, int]] = {}
        self._drift = drift
        self._drifts: dict[str, Drift] = defaultdict(lambda: Drift(drift))
        self._following: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Follow the session from its beginning."""
        self._following = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        try:
            while True:
                for n, event in enumerate(await self._tail.new(), 1):
                    await self._take(event)
                    if n % PIECE == 0:
                        await asyncio.sleep(0)
                await asyncio.sleep(0 if self._tail.behind else EVERY_S)
        except LabError as e:
            self._emit(Notice(f"not watched any more: {e}", "error"))

    async def _take(self, event: Event | Notice) -> None:
        if isinstance(event, Notice):
            self._emit(event)
        elif isinstance(event, ArmRecord | BaselineRecord | RemoteRecord):
            known = self.session.arms.get(event.name)
            if known is None or changed(known, event):
                self._unwritten.add(event.name)
            before = self._records.get(event.name)
            if before is None or changed(before, event):
                self._drifts[event.name] = await asyncio.to_thread(self._began, event)
            self._records[event.name] = event
            self.session.arms[event.name] = event  # for those who look: it is written with a trial
            self._show(event.name)
        elif isinstance(event, Trial) and event.id not in self._groups:
            self._show(event.arm)
            self._groups[event.id] = event.group
            self._questions[event.group].append(event)
            if event.group in self._chosen:
                await self._keep(event.group)
            if event.status != "cancelled":
                self._look(event)
            if event.id not in self._restored:
                self._emit(TrialDone(event))

    def _show(self, name: str) -> None:
        if name not in self.arms:
            record = self._records.get(name)
            super().add_arm(Spec(name=name, contract=record.contract if record else "none"))

    def _began(self, record: AnyArmRecord) -> Drift:
        """Against the answers that the arm's router was tuned with, where its files are here."""
        with suppress(LabError):
            return Drift(self._drift, reference=tuned(record, self.taxonomy.labels, self._drift))
        return Drift(self._drift)

    def _look(self, trial: Trial) -> None:
        drift = self._drifts[trial.arm]
        before = drift.figures
        for line in told(trial.arm, before, drift.add(trial), drift.against):
            self._emit(Notice(line, "warning"))

    async def _keep(self, group: tuple[str, int]) -> None:
        """Write down the question's trials, if that is not so already, and the arms they are of."""
        async with self._saving:
            for trial in self._questions[group]:
                if trial.id in self._kept:
                    continue
                self._kept.add(trial.id)
                if trial.arm in self._unwritten:
                    self._unwritten.discard(trial.arm)
                    await self._keeper.append(self._records[trial.arm])
                await self._keeper.append(trial)
            self._chosen.add(group)
            self.session.arms.update(self._records)  # a session that has just become a file has but its own

    async def annotate(
        self,
        trial_id: str,
        *,
        label: str | None = None,
        action: Literal["skip", "flag", "undo"] | None = None,
        note: str | None = None,
    ) -> None:
        """Append an annotation of this trial, after its question; Annotated follows."""
        if group := self._groups.get(trial_id):
            await self._keep(group)
        await super().annotate(trial_id, label=label, action=action, note=note)

    def ask(self, prompt: str) -> None:
        """LabError: nobody is asked here."""
        raise LabError(SILENT)

    def replay(self, items: Sequence[Item], again: bool = False) -> None:
        """LabError: nobody is asked here."""
        raise LabError(SILENT)

    def add_arm(self, spec: Spec) -> None:
        """LabError: nobody is asked here."""
        raise LabError(SILENT)

    async def close(self) -> None:
        """Follow no more, and close one's own session (see Lab.close)."""
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following
        await self._tail.close()
        await super().close()
