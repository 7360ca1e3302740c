"""The section on judge models, which stands apart from every checked score."""

from collections.abc import Sequence

from routerlab.study.outcome.analysis.result import Judged
from routerlab.study.report import words as w
from routerlab.study.report.blocks import Row, Section, table


def judges(found: Sequence[Judged]) -> Section | None:
    """How far each judge is to be believed, then whom it prefers; None without a judge."""
    if not found:
        return None
    rows: list[Row] = [
        (
            one.judge,
            str(one.pairs),
            str(one.unread),
            w.estimate(one.consistent),
            w.estimate(one.first),
            str(one.apart),
            w.estimate(one.better),
            w.estimate(one.worse),
            w.estimate(one.kappa),
        )
        for one in found
    ]
    heads = (
        "Judge",
        "Pairs",
        "Not read",
        "Same in both orders",
        "For the first shown",
        "Scores differ",
        "Prefers the better",
        "The worse",
        "Kappa",
    )
    note = (
        "A model's opinion, in no score, difference or verdict of this report. Each pair of answers is shown "
        "in both orders; an answer is preferred if it is in both, else it is a tie. Where checked scores "
        "differ: how often the judge prefers the better answer, and Cohen's kappa with the checks."
    )
    wins: list[Row] = [
        (one.judge, win.model, str(win.pairs), w.estimate(win.share)) for one in found for win in one.wins
    ]
    return Section(
        "What a judge model says",
        (
            table(heads, rows, caption=note),
            table(("Judge", "Model", "Pairs", "Won, ties half"), wins, names=2),
        ),
    )
