"""What a reader of the figures should be told before believing them."""

from collections.abc import Iterator, Mapping, Sequence

from routerlab.core.text import plural
from routerlab.study.figures.arm import ArmFigures

APART = 0.02
"""How far the two weightings of accuracy may differ without a word."""


def warnings(arms: Sequence[ArmFigures], families: Mapping[str, str]) -> Iterator[str]:
    """One line each, arm by arm; `families` is the taxonomy's label -> family, empty where there is none."""
    for arm in arms:
        yield from (f"{arm.arm}: {what}" for what in _about(arm, families))


def _about(arm: ArmFigures, families: Mapping[str, str]) -> Iterator[str]:
    accuracy, times, sure, same = arm.accuracy, arm.latency, arm.calibration, arm.determinism
    if accuracy and abs(accuracy.value - accuracy.by_trial) > APART:
        least, most = arm.repeats
        yield (
            f"accuracy is {accuracy.value:.3f} with cases weighted equally and {accuracy.by_trial:.3f} with "
            f"trials weighted equally: cases were asked {least} to {most} times"
        )
    strange = [cell for cell in arm.confusion if families and cell.label not in (None, *families)]
    if strange:
        names = ", ".join(dict.fromkeys(repr(cell.label) for cell in strange))
        yield f"it answered what is no label of the taxonomy ({names}); that is wrong"
    if same and same.changed:
        yield f"{len(same.changed)} of {same.cases} cases changed their label between repeats"
    if times and times.timed_out:
        yield f"{times.timed_out} of {times.n} latencies are of trials that timed out: at least so long"
    if times and times.unanswered:
        yield (
            f"{plural(times.unanswered, 'trial has', 'trials have')} no answer and so no latency; quantiles "
            "are without them, their intervals and gates not"
        )
    if times and times.contended:
        yield f"{times.contended} of {times.n} latencies were measured while other arms ran"
    if sure and sure.distinct == 1 and sure.n > 1:
        yield f"its confidence is {sure.confidence:g} in all {sure.n} answers: it says nothing"
