"""A result on stdout: the sections of its report for people, JSON for programs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from routerlab.cli.shared.show import print_json, print_table, say

if TYPE_CHECKING:
    from routerlab.core.statistics.agreement import Pair
    from routerlab.core.statistics.metrics import ArmSummary
    from routerlab.study.report.blocks import Section
    from routerlab.study.report.subject import Subject


def show(subject: "Subject", shape: Literal["table", "json"], details: bool = False) -> None:
    """Print the result, the verdict last; `details` adds what one asks next. What one has to know of the
    figures is on stderr, too."""
    from routerlab.study.report.contents import of_one

    for line in subject.notes:
        say(f"note: {line}")
    if shape == "json":
        print_json((subject.trial or subject.analysis).model_dump(mode="json"))
        return
    verdict, *others = of_one(subject, "r1")
    print_sections(section for section in (*others, verdict) if details or not section.detail)


def print_sections(sections: "Iterable[Section]") -> None:
    """Print sections of a report."""
    from routerlab.study.report.terminal import shown

    print_table(*shown(sections))


def print_summary(
    summaries: "Sequence[ArmSummary]", families: Mapping[str, str], pairs: "Sequence[Pair]"
) -> None:
    """Print the figures of arms without intervals and tests, and how often each two of them agree."""
    from routerlab.cli.shared.tables import summary_table
    from routerlab.study.report.sections.summary import agreement
    from routerlab.study.report.terminal import Fitted

    print_table(summary_table(summaries, families))
    if pairs:
        print_table(Fitted(agreement([(f"{p.a} & {p.b}", p) for p in pairs])))
