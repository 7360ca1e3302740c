"""The CPUs that this process may use, as the kernel tells of them: cores, quick and slow ones, and quota."""

import math
import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")
SLOWER = 0.85
"""A CPU below this share of the highest clock (or capacity) is no performance core: cores of one kind differ
by some 3 %, the two kinds of a hybrid machine by 25 % and more."""


@dataclass(frozen=True)
class Cpus:
    """`usable` CPUs by number; of those `physical`, one for each core, and `quick`, on performance cores.

    `quota` is how many CPUs' time a container may take, None where nothing limits it.
    """

    usable: tuple[int, ...]
    physical: tuple[int, ...]
    quick: tuple[int, ...]
    quota: float | None = None


@dataclass(frozen=True)
class Candidate:
    """A number of threads worth measuring, and the CPUs they are pinned to; none where they are not."""

    threads: int
    cpus: tuple[int, ...] = ()
    what: str = ""

    @property
    def text(self) -> str:
        """One line for people: "4 threads, pinned to CPUs 0,2,4,6 (one CPU of each core)"."""
        pinned = f", pinned to CPUs {','.join(map(str, self.cpus))}" if self.cpus else ""
        return f"{self.threads} thread{'s' * (self.threads > 1)}{pinned} ({self.what})"


def usable_numbers() -> list[int]:
    """The numbers of the CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def read_cpus(usable: Collection[int], root: Path = ROOT) -> Cpus:
    """What /sys and /proc below `root` say; what they do not say is taken for one CPU a core, all alike."""
    numbers = tuple(sorted(usable))
    folder = root / "sys/devices/system/cpu"
    cores: dict[str, int] = {}
    speeds: dict[int, int] = {}
    for n in numbers:
        cpu = folder / f"cpu{n}"
        core = (
            _read(cpu / "topology/core_cpus_list") or _read(cpu / "topology/thread_siblings_list") or str(n)
        )
        cores.setdefault(core, n)
        with suppress(ValueError):
            speeds[n] = int(_read(cpu / "cpu_capacity") or _read(cpu / "cpufreq/cpuinfo_max_freq"))
    quickest = max(speeds.values(), default=0)
    known = len(speeds) == len(numbers)
    quick = tuple(n for n in numbers if not known or speeds[n] >= SLOWER * quickest)
    return Cpus(numbers, tuple(cores.values()), quick, _quota(root))


def candidates(cpus: Cpus) -> list[Candidate]:
    """The numbers of threads to measure, not pinned; then each part of the CPUs with threads pinned to it."""
    whole = len(cpus.usable)
    both = tuple(n for n in cpus.physical if n in cpus.quick)
    parts = {
        "one CPU of each core": cpus.physical,
        "performance cores": cpus.quick,
        "one CPU of each performance core": both,
    }
    smaller = {part: what for what, part in reversed(parts.items()) if 0 < len(part) < whole}
    counts = {whole: "all CPUs"}
    if cpus.quota is not None:
        for n in (math.floor(cpus.quota), math.ceil(cpus.quota)):
            counts.setdefault(max(1, min(n, whole)), f"a quota of {cpus.quota:g} CPUs")
    for part, what in smaller.items():
        counts.setdefault(len(part), f"as many as: {what}")
    counts.setdefault(max(1, whole - 1), "one CPU left to others")
    counts.setdefault(max(1, whole // 2), "half of them")
    free = [Candidate(n, (), what) for n, what in counts.items()]
    return free + [Candidate(len(part), part, what) for part, what in smaller.items()]


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def _quota(root: Path) -> float | None:
    """The tightest limit of this process's cgroup and those above it, in CPUs (version 2, else 1)."""
    found: list[float] = []
    for line in _read(root / "proc/self/cgroup").splitlines() or ["0::/"]:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        base = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
        parts = [p for p in path.split("/") if p not in ("", "..")]
        for depth in range(len(parts) + 1):
            folder = base.joinpath(*parts[:depth])
            limit = _read(folder / "cpu.max").split() or [
                _read(folder / "cpu.cfs_quota_us"),
                _read(folder / "cpu.cfs_period_us"),
            ]
            with suppress(ValueError, ZeroDivisionError):
                if (n := int(limit[0]) / int(limit[1])) > 0:  # version 1 says -1 where there is none
                    found.append(n)
    return min(found, default=None)
