"""A report as one HTML file that needs nothing else: no network, no script, its figures and style within."""

import re
from collections import Counter
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from routerlab.core.text import printable
from routerlab.study.report.blocks import Section


def page(title: str, sections: Sequence[Section], facts: Sequence[str] = ()) -> str:
    """The page; `facts` stand below the title. All text is escaped, and what hides or turns text is seen."""
    environment = Environment(
        loader=PackageLoader("routerlab.study.report"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    anchors = list(zip(_anchors(sections), sections, strict=True))
    environment.filters["svg"] = Markup
    text = environment.get_template("page.html").render(title=title, facts=facts, sections=anchors)
    return text.strip() + "\n"


def _shown(value: object) -> object:
    """What every expression of the template goes through, before it is escaped."""
    if isinstance(value, Markup):
        return value
    return printable(value, keep_newlines=True) if isinstance(value, str) else value


def _anchors(sections: Sequence[Section]) -> list[str]:
    """An id a section, from its title; a number tells apart those of the same title."""
    seen: Counter[str] = Counter()
    found = []
    for section in sections:
        slug = re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-") or "section"
        seen[slug] += 1
        found.append(slug if seen[slug] == 1 else f"{slug}-{seen[slug]}")
    return found
