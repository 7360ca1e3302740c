"""Memory of the workers of a lab's arms, before and after they load, and at the end."""

from collections import Counter, defaultdict
from contextlib import suppress
from datetime import UTC, datetime

import psutil

from routerlab.bench.memory import look
from routerlab.core.session.run import Mark
from routerlab.engine.arms.arm import Arm
from routerlab.engine.arms.members import MembersArm
from routerlab.engine.lab.events import ArmChanged, Event
from routerlab.engine.lab.lab import Lab


class MemoryWatch:
    """Looks at workers when they have the library, but no weights yet; make it before the arms are added."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._before: dict[str, dict[int, int]] = defaultdict(dict)
        lab.subscribe(self._changed)

    def _changed(self, event: Event) -> None:
        arm = self._lab.arms.get(event.name) if isinstance(event, ArmChanged) else None
        if arm is not None and arm.state.pid is not None and arm.state.stage.endswith("checking file"):
            with suppress(psutil.Error):  # it has ended already
                self._before[arm.spec.name].setdefault(arm.state.pid, look(arm.state.pid).resident)

    def mark(self, name: str, when: str) -> Mark | None:
        """Bytes of an arm's workers now: `resident`; `own`, without pages of files (the weights above all)
        where the system tells them apart; `before`, resident when no weights were there. None for an arm
        without a worker."""
        found: Counter[str] = Counter()
        pids = worker_pids(self._lab.arms[name])
        for pid in pids:
            with suppress(psutil.Error):
                sample = look(pid)
                before = self._before[name].get(pid, 0)
                found.update({"resident": sample.resident, "own": sample.own or 0, "before": before})
        if not pids:
            return None
        known = {part: size for part, size in found.items() if size}
        return Mark(at=datetime.now(UTC), arm=name, memory=known, reason=when, kind="memory")


def worker_pids(arm: Arm) -> list[int]:
    """The processes that compute for an arm; none for an arm without any."""
    if isinstance(arm, MembersArm):
        return [pid for member in arm.members for pid in worker_pids(member)]
    return [] if arm.state.pid is None else [arm.state.pid]
