"""Two parts of a corpus for developing and testing: alike in their labels, and with nothing near in both."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from random import Random

from routerlab.core.corpus import Case
from routerlab.core.errors import LabError
from routerlab.core.similar import groups
from routerlab.core.text import plural

Labels = Counter[str | None]


def split(cases: Sequence[Case], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Indices of the cases to develop with and of those to test with, about `share` of each label, in order.

    Near duplicates and cases of one `group` are on one side. A label's test cases are within one of its
    share, as far as groups allow; those without a label count as a label. The same seed gives the same parts.
    LabError when a side would be empty.
    """
    rng = Random(seed)
    together: dict[int, list[int]] = defaultdict(list)
    for i, group in enumerate(groups(cases)):
        together[group].append(i)
    left = {True: _targets(cases, share)}
    left[False] = Counter(case.label for case in cases)
    left[False].subtract(left[True])
    sides: dict[bool, list[int]] = {True: [], False: []}
    units = list(together.values())
    rng.shuffle(units)
    for unit in sorted(units, key=len, reverse=True):
        labels = Counter(cases[i].label for i in unit)
        side = max(sides, key=lambda side: _welcome(labels, left[side]))
        sides[side] += unit
        left[side].subtract(labels)
    if not (sides[True] and sides[False]):
        found = f"{plural(len(cases), 'case')} in {plural(len(units), 'group')}"
        raise LabError(f"{found} cannot be split so: a part would be empty")
    return sorted(sides[False]), sorted(sides[True])


def _targets(cases: Sequence[Case], share: float) -> Labels:
    """How many cases of each label to test with: what rounding one label loses or wins, the next makes up."""
    targets: Labels = Counter()
    carry = 0.0
    for label, n in sorted(
        Counter(case.label for case in cases).items(), key=lambda pair: (-pair[1], str(pair[0]))
    ):
        exact = share * n + carry
        targets[label] = min(n, max(0, round(exact)))
        carry = exact - targets[label]
    return targets


def _welcome(labels: Labels, left: Labels) -> tuple[int, int]:
    """How well cases fit a side: the fewest beyond what it still needs, then how much it needs of them."""
    return -(labels - +left).total(), sum(left[label] for label in labels)
