"""What a run writes down besides answers: with what it began, and whatever was not as planned."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from routerlab.core.corpus import Corpus
from routerlab.core.errors import LabError
from routerlab.core.files.toml import load_toml
from routerlab.core.session.run import Mark, MarkKind, RunRecord
from routerlab.engine.lab.lab import Lab
from routerlab.engine.lab.materials import arm_record, changed
from routerlab.engine.lab.start import Say
from routerlab.study.benchmark.harmony import differences
from routerlab.study.benchmark.watch import Clocks


def check_arms(lab: Lab, instead: str = "") -> None:
    """LabError when an arm is not what the session has answers of under its name; `instead` is what may be
    done but to put that back."""
    for name, arm in lab.arms.items():
        known, record = lab.session.arms.get(name), arm_record(arm)
        if known is not None and record is not None and (keys := changed(known, record)):
            raise LabError(
                f"{name}: is not the arm that {lab.path} has answers of (now another {', '.join(keys)}): "
                f"{instead}put back what was there"
            )


class Notes:
    """Of a run in a lab; deviations are said as well."""

    def __init__(self, lab: Lab, say: Say) -> None:
        self._lab, self._say = lab, say
        self._clocks = Clocks()

    async def add(self, kind: MarkKind, reason: str, arm: str | None = None) -> None:
        """Write down a mark."""
        await self._lab.record(Mark(at=datetime.now(UTC), arm=arm, reason=reason, kind=kind))

    async def deviation(self, reason: str, arm: str | None = None) -> None:
        """Something is not as planned."""
        self._say(f"deviation: {f'{arm}: ' if arm else ''}{reason}")
        await self.add("deviation", reason, arm)

    async def begin(self, run: RunRecord, loaded: Sequence[Mark], leaks: Sequence[str]) -> None:
        """The run, its arms with their memory, and once, however often it is gone on with, what the arms do
        not have in common and where they have seen what they are tested with."""
        await self._lab.record(run)
        await self._lab.describe_arms()
        for mark in loaded:
            await self._lab.record(mark)
        caveats: dict[MarkKind, Sequence[str]] = {
            "difference": differences(self._lab.session.arms),
            "leak": leaks,
        }
        for kind, lines in caveats.items():
            told = {mark.reason for mark in self._lab.session.marks if mark.kind == kind}
            for line in lines:
                self._say(f"{kind}: {line}")
                if line not in told:
                    await self.add(kind, line)

    async def look_at_clocks(self) -> None:
        """A deviation where they jumped since the last look."""
        if (jump := self._clocks.jump()) is not None:
            await self.deviation(jump)

    async def look_at_corpus(self, path: Path, sha256: str) -> None:
        """A deviation where the corpus is not any more what was asked."""
        try:
            now = (await asyncio.to_thread(load_toml, path, Corpus)).sha256
        except LabError as e:
            await self.deviation(f"the corpus cannot be read any more: {e}")
            return
        if now != sha256:
            await self.deviation(
                f"{path} was changed during the run ({sha256[:12]}, now {now[:12]}); what was asked is what "
                "it was before"
            )
