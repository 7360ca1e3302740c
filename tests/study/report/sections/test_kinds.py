"""What reports say of familiarity and of kinds of prompts: on the page, in Markdown, in a terminal of 80."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from routerlab.study.figures.analysis import analyse
from routerlab.study.figures.arm import Settings
from routerlab.study.figures.cases import CaseFacts
from routerlab.study.figures.rows import Row
from routerlab.study.report.contents import of_one
from routerlab.study.report.markdown import markdown
from routerlab.study.report.subject import Subject
from routerlab.study.report.terminal import shown
from tests.study.figures.harness import LABELS, log, row
from tests.study.report.harness import Parsed, page_of, subject


@pytest.fixture(scope="module")
def told() -> Subject:
    """Forty cases of two languages. `router` is wrong in the ten that no label fits, of which it is sure and
    which it abstains from half of, for they are unfamiliar; `plain` tells neither."""
    rows: list[Row] = []
    for i in range(40):
        odd = i % 4 == 0
        label = LABELS[1] if odd else LABELS[0]
        shares = {label: 0.97 if odd else 0.9, "CoT/simple": 0.03 if odd else 0.1}
        away = {"familiarity": 0.001 * i if odd else 0.1 + 0.02 * i, "abstained": odd and i < 20}
        rows += [
            row(f"c{i}", label, "router", probabilities=shares, **away),
            row(f"c{i}", LABELS[0], "plain"),
        ]
    facts = {
        f"c{i}": CaseFacts(10 * i, "de" if i < 10 else "en", "made up", "none" if i % 4 == 0 else None)
        for i in range(40)
    }
    return Subject("told", Path("log.csv"), analyse(replace(log(rows), cases=facts), Settings(resamples=200)))


def flat(text: str) -> str:
    return " ".join(text.split())


def test_kinds_are_told_of_every_arm(told: Subject) -> None:
    text = markdown("told", of_one(told, "r1"), [])
    section = flat(text.partition("## Kinds of prompts")[2].partition("\n## ")[0])
    assert "| Language | Arm | Cases | Accuracy |" in section
    assert "| de | router | 10 | 0.700 (0.40 to 0.89) |" in section
    assert "| en | router | 30 | 0.767 (" in section
    assert "| below 15 words | plain | 2 | 1.000 (" in section
    assert "| 250 words or more | router | 15 |" in section
    assert "| no label fits | router | 10 | 0.000 (0.00 to 0.28) | 0.970 | 1.000 |" in section
    assert (
        "router: AUROC 1.000, the chance that of a case that no label fits (10) and another (30)" in section
    )
    assert "| Source |" not in section  # there is only one


def test_familiarity_ranks_answers_and_abstaining_is_told(told: Subject) -> None:
    lines = [flat(line) for line in markdown("told", of_one(told, "r1"), []).splitlines()]

    def of(ranking: str) -> str:
        return next(line for line in lines if line.startswith(f"| router | {ranking} |"))

    assert of("confidence") == "| router | confidence | 0.750 (1.000 kept) | 0.750 | 0.750 | 0.750 |"
    assert of("familiarity").endswith("| 0.750 (1.000 kept) | 0.833 | 0.938 | 1.000 |")
    # Five of the ten unfamiliar ones are below 0.02.
    among = of("confidence, if not unfamiliar")
    assert among.endswith("| 0.857 (0.875 kept) | \\- | 0.857 | 0.857 |")
    assert "0.857 (0.875 kept)" in of("all that it does not abstain from")
    assert not any("| plain | familiarity" in line for line in lines)
    assert any("Wrong above .95" in line for line in lines)


def test_the_page_and_a_narrow_terminal_have_all_of_it(told: Subject) -> None:
    parsed = Parsed(page_of(told))
    for text in ("Kinds of prompts", "no label fits", "Dashed: of the most familiar", "AUROC 1.000"):
        assert text in parsed.text
    assert "Dashed: of the most familiar" not in Parsed(page_of(subject())).text
    console = Console(width=80, markup=False, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(*shown(of_one(told, "r1")), sep="\n")
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= 80
    assert "Kinds of prompts" in lines
    assert any("confidence, if not" in line for line in lines)
