"""Which session asks which case of which arm: a plan for the whole trial, made before it begins."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from routerlab.core.files.toml import canonical_sha256
from routerlab.core.prediction import Record

Method = Literal["blocks", "hash"]


@dataclass(frozen=True)
class Planned:
    """One session: the `repeat`-th time that `arm` is asked `case`. `index` is its place in time, `block` the
    group of sessions in which every arm comes once (blocks only, else None)."""

    id: str
    index: int
    arm: str
    case: str
    repeat: int
    block: int | None = None


class Balance(Record):
    """How even an assignment is.

    `arms` counts sessions an arm; `p` is that of the chi-squared test that all arms are as likely. `fewest`
    and `most` are sessions of one case with one arm; `apart` is the largest difference between two arms in
    how often they are asked the same case.
    """

    arms: dict[str, int]
    p: float
    fewest: int
    most: int
    apart: int


def assign(
    method: Method, cases: Sequence[str], arms: Sequence[str], sessions: int, seed: int
) -> list[Planned]:
    """The sessions in order of time, `sessions` an arm (on average, with "hash"). The same seed, cases and
    arms give the same plan."""
    if method == "hash":
        return _hashed(cases, arms, sessions * len(arms), seed)
    return _blocks(cases, arms, sessions, seed)


def arm_of(session: str, arms: Sequence[str]) -> str:
    """The original study's rule: SHA-256 of the session's id, modulo the number of arms."""
    return arms[int(hashlib.sha256(session.encode()).hexdigest(), 16) % len(arms)]


def session_id(seed: int, index: int) -> str:
    """The id of a trial's session at this place, such as 7-00042; the key a run resumes by."""
    return f"{seed}-{index:05d}"


def _blocks(cases: Sequence[str], arms: Sequence[str], sessions: int, seed: int) -> list[Planned]:
    """Complete blocks: one case and every arm once, the arms in random order; each pass takes the cases in
    another random order. Where `sessions` is no multiple of the cases, the last pass is cut short, for all
    arms alike."""
    rng = np.random.default_rng([seed, 0])
    planned: list[Planned] = []
    for block in range(sessions):
        repeat, place = divmod(block, len(cases))
        if place == 0:
            order = rng.permutation(len(cases))
        for arm in rng.permutation(len(arms)):
            index = len(planned)
            planned.append(
                Planned(session_id(seed, index), index, arms[arm], cases[order[place]], repeat + 1, block)
            )
    return planned


def _hashed(cases: Sequence[str], arms: Sequence[str], total: int, seed: int) -> list[Planned]:
    """Each session draws a case; its id decides on the arm."""
    drawn = np.random.default_rng([seed, 0]).integers(len(cases), size=total)
    seen: Counter[tuple[str, str]] = Counter()
    planned: list[Planned] = []
    for index, which in enumerate(drawn):
        name = session_id(seed, index)
        arm, case = arm_of(name, arms), cases[which]
        seen[arm, case] += 1
        planned.append(Planned(name, index, arm, case, seen[arm, case]))
    return planned


def plan_sha256(planned: Sequence[Planned]) -> str:
    """SHA-256 of who asks whom what, in order: another version of the lab must plan the same."""
    return canonical_sha256({"sessions": [[p.id, p.arm, p.case, p.repeat] for p in planned]})


def balance(planned: Sequence[Planned], cases: Sequence[str], arms: Sequence[str]) -> Balance:
    """How even this assignment is. At least one case and one arm."""
    from scipy.special import chdtrc

    pairs = Counter((p.arm, p.case) for p in planned)
    by_arm = {arm: sum(pairs[arm, case] for case in cases) for arm in arms}
    expected = len(planned) / len(arms)
    x2 = sum((n - expected) ** 2 for n in by_arm.values()) / expected if planned else 0.0
    counts = [[pairs[arm, case] for arm in arms] for case in cases]
    return Balance(
        arms=by_arm,
        p=float(chdtrc(len(arms) - 1, x2)) if len(arms) > 1 else 1.0,
        fewest=min(map(min, counts)),
        most=max(map(max, counts)),
        apart=max(max(row) - min(row) for row in counts),
    )
