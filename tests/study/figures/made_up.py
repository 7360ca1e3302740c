"""Logs of the original study's shape, by formula; only how many answers are right is from the study."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.study.figures.harness import LABELS

MODELS = ("phi-3.5-mini", "qwen2.5-1.5b", "qwen2.5-3b")
# Which of the three models are right -> in how many of the 60 cases. The study tells 43, 24 and 47 right, and
# the discordant pairs 25:6, 8:12 and 4:27; with 16 that all get right (14 to 18 could be) these say the rest.
RIGHT = {"111": 16, "110": 2, "101": 19, "011": 4, "100": 6, "010": 2, "001": 8, "000": 3}
UNPARSED = {MODELS[0]: (60,), MODELS[1]: (50, 51), MODELS[2]: ()}


def write_study_1(path: Path) -> None:
    """Three models, cases 1 to 60 in the order of RIGHT; the gold label goes round.

    A wrong answer is the next label, of the second model the one after: where all are wrong, the first and
    the third agree, and nobody with the second. Times (ms) of the i-th quickest answer, from 0, are
    5000 + 10 i; 700 + 5 i, but the last six, from 54, 4000 + 100 (i - 54); 1000 + 10 i. The third always
    claims to be sure.
    """
    patterns = [pattern for pattern, n in RIGHT.items() for _ in range(n)]
    rows = []
    for at, model in enumerate(MODELS):
        for case, pattern in enumerate(patterns, 1):
            parsed = case not in UNPARSED[model]
            i = case * 7 % 60  # each of 0 to 59 once
            ms = (5000 + 10 * i, 700 + 5 * i if i < 54 else 4000 + 100 * (i - 54), 1000 + 10 * i)[at]
            off = 0 if pattern[at] == "1" else (1, 2, 1)[at]
            rows.append(
                {
                    "model": model,
                    **_labels(case, off if parsed else None),
                    "ms": ms,
                    "claimed": 1.0 if at == 2 else (0.9, 0.95)[i % 2],
                    "length": (480 + i, 46, 44)[at],
                }
            )
    _write(path, rows)


def write_study_2(path: Path) -> None:
    """Arms B, C and D, cases 1 to 12: the last two asked four times, the others once; D costs 0.0001 each.

    B is wrong in cases 1 to 5 and 11; C in 1, 2 and 3; D in 11, and in 12 but for the first time. All answers
    of D take longer than 2 seconds, none of the others does.
    """
    wrong = {"B": (1, 2, 3, 4, 5, 11), "C": (1, 2, 3), "D": (11, 12)}
    rows = []
    for arm, missed in wrong.items():
        for case in range(1, 13):
            for repeat in range(4 if case > 10 else 1):
                right = case not in missed or (arm, case, repeat) == ("D", 12, 0)
                rows.append(
                    {
                        "arm": arm,
                        **_labels(case, 0 if right else 1),
                        "ms": {"B": 900, "C": 1000, "D": 2400}[arm] + 10 * case + repeat,
                        "dollars": 0.0001 if arm == "D" else 0,
                        "length": 44,
                    }
                )
    _write(path, rows)


def _labels(case: int, off: int | None) -> dict[str, object]:
    """A case and the answer to it: `off` labels after gold, None for one that cannot be read."""
    answer = "" if off is None else LABELS[(case - 1 + off) % 6]
    return {
        "prompt_id": f"c{case:02}",
        "truth": LABELS[(case - 1) % 6],
        "answer": answer,
        "parsed": str(off is not None).lower(),
    }


def _write(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0]], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
