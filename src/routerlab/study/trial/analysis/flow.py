"""What became of every session that was generated, in the manner of a CONSORT diagram.

K. F. Schulz, D. G. Altman and D. Moher, "CONSORT 2010 statement", BMJ 340 (2010), c332.
"""

from collections import Counter
from collections.abc import Sequence

from routerlab.core.prediction import Trial
from routerlab.study.figures.rows import ANSWERED
from routerlab.study.trial.analysis.result import ArmFlow, Flow, Loss
from routerlab.study.trial.protocol.assignment import Balance, Planned
from routerlab.study.trial.protocol.session import Recorded


def flow(trial: Recorded) -> Flow:
    """Every arm's sessions, and where each was lost."""
    sent = {t.session for t in trial.session.trials if t.session is not None}
    return Flow(
        generated=len(trial.planned),
        excluded={one.case: one.reason for one in trial.protocol.exclude},
        arms=tuple(_arm(trial, arm, sent) for arm in trial.arms),
    )


def _arm(trial: Recorded, arm: str, sent: set[str]) -> ArmFlow:
    assigned = [p for p in trial.planned if p.arm == arm]
    ended = [trial.answered[p.id] for p in assigned if p.id in trial.answered]
    answers = [t for t in ended if t.status in ANSWERED]
    begun = [p for p in assigned if p.id in sent]
    routed = arm in trial.routed
    return ArmFlow(
        arm=arm,
        assigned=len(assigned),
        sent=len(begun),
        answered=len(answers),
        parsed=sum(t.status == "ok" for t in answers) if routed else None,
        analysed=len(ended),
        lost=tuple(_losses(trial, arm, assigned, begun, ended)),
    )


def _losses(
    trial: Recorded, arm: str, assigned: Sequence[Planned], begun: Sequence[Planned], ended: Sequence[Trial]
) -> list[Loss]:
    losses: list[Loss] = []
    if unsent := len(assigned) - len(begun):
        why = trial.standing.dropped.get(arm) or trial.ended or "the trial is not over"
        losses.append(Loss(before="sent", reason=why, n=unsent))
    if cut := len(begun) - len(ended):
        losses.append(Loss(before="answered", reason="cancelled, and not sent again", n=cut))
    statuses = Counter(t.status for t in ended)
    for status, n in statuses.items():
        if status not in ANSWERED:
            losses.append(Loss(before="answered", reason=status, n=n))
    if n := statuses["unparsed"]:
        losses.append(Loss(before="parsed", reason="no label could be read from the answer", n=n))
    return losses


def flow_lines(found: Flow) -> list[str]:
    """The flow as text, a line a step."""
    lines = [f"generated: {found.generated} sessions"]
    lines += [f"  excluded case {case}: {reason}" for case, reason in found.excluded.items()]
    for arm in found.arms:
        parsed = "" if arm.parsed is None else f" -> parsed {arm.parsed}"
        lines.append(
            f"{arm.arm}: assigned {arm.assigned} -> sent {arm.sent} -> answered {arm.answered}{parsed} -> "
            f"analysed {arm.analysed}"
        )
        lines += [f"  not {loss.before}: {loss.n} ({loss.reason})" for loss in arm.lost]
    return lines


def balance_line(even: Balance) -> str:
    """How even the assignment was, as text."""
    times = f"{even.fewest}" if even.fewest == even.most else f"{even.fewest} to {even.most}"
    return (
        f"balance: an arm was to be asked a case {times} times, and two arms differ by {even.apart} at most; "
        f"sessions by arm: chi-squared p {even.p:.2f}"
    )
