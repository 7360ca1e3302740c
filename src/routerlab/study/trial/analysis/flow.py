"""What became of every session that was generated, in the manner of a CONSORT diagram.

K. F. Schulz, D. G. Altman and D. Moher, "CONSORT 2010 statement", BMJ 340 (2010), c332.
"""

from collections import Counter

from routerlab.study.figures.rows import ANSWERED
from routerlab.study.trial.analysis.result import ArmFlow, Flow, Loss
from routerlab.study.trial.protocol.assignment import Balance
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
    assigned = [p.id for p in trial.planned if p.arm == arm]
    begun = sum(session in sent for session in assigned)
    ends = (trial.answered[session].status for session in assigned if session in trial.answered)
    statuses: Counter[str] = Counter(ends)
    ended = statuses.total()
    unsent = trial.standing.dropped.get(arm) or trial.ended or "the trial is not over"
    lost = [
        Loss(before="sent", reason=unsent, n=len(assigned) - begun),
        Loss(before="answered", reason="cancelled, and not sent again", n=begun - ended),
        *(Loss(before="answered", reason=one, n=n) for one, n in statuses.items() if one not in ANSWERED),
        Loss(before="parsed", reason="no label could be read from the answer", n=statuses["unparsed"]),
    ]
    return ArmFlow(
        arm=arm,
        assigned=len(assigned),
        sent=begun,
        answered=sum(statuses[status] for status in ANSWERED),
        parsed=statuses["ok"] if arm in trial.routed else None,
        analysed=ended,
        lost=tuple(loss for loss in lost if loss.n),
    )


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
