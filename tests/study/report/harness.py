"""Results to report on, and pages taken apart."""

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

from routerlab.study.figures.analysis import analyse
from routerlab.study.figures.costs import CostTable
from routerlab.study.report.contents import heading, sections
from routerlab.study.report.html import page
from routerlab.study.report.subject import Subject
from tests.study.figures.harness import answers, log

HOSTILE = "<script>alert(1)</script><b>\"'&$x^{1}$\x1b[31m\u202e]]>{{ 7*7 }}|`*_"
SHOWN = "\\x1b[31m\\u202e"
"""How the hostile control characters are to be seen."""
PRICES = CostTable.model_validate(
    {"date": "2026-11-24", "machine": [{"arms": ["good", "slow", "wrong"], "per_hour": 0.5}]}
)


def subject(*names: str) -> Subject:
    """A hundred cases: `good` passes all gates, `slow` fails that of P95, `wrong` is right now and then."""
    good, slow, wrong = names or ("good", "slow", "wrong")
    rows = []
    for repeat in (1, 2):
        rows += answers(good, [True] * 100, latency_ms=100.0, repeat=repeat, confidence=0.9)
        rows += answers(slow, [i % 10 > 0 for i in range(100)], latency_ms=5000.0 + repeat, repeat=repeat)
        rows += answers(wrong, [i % 2 == repeat % 2 for i in range(100)], latency_ms=20.0, repeat=repeat)
    analysis = analyse(log(rows), costs=None if names else PRICES)
    prompts = {f"c{i}": f"Prompt {i}" for i in range(99)} | {"c99": HOSTILE}
    return Subject("a result", Path("log.csv"), analysis, rows=rows, prompts=prompts)


def page_of(*subjects: Subject) -> str:
    title, facts = heading(subjects)
    return page(title, sections(subjects), facts)


class Parsed(HTMLParser):
    """What a browser would see: tags, ids, text, references."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.references: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self._pieces: list[str] = []
        self.feed(html)
        self.close()
        self.text = " ".join("".join(self._pieces).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attrs:
            text = value or ""
            self.attributes.append((name, text))
            if name == "id":
                self.ids.append(text)
            if name in ("href", "xlink:href", "src"):
                self.references.append(text)
            self.references += re.findall(r"url\(([^)]*)\)", text)
        self._pieces.append(" ")

    def handle_data(self, data: str) -> None:
        self._pieces.append(data)
