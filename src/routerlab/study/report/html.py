"""A report as one HTML file that needs nothing else: no network, its figures, style and script within."""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from routerlab.core.text import printable
from routerlab.study.report.blocks import Section


def page(title: str, sections: Sequence[Section], facts: Sequence[str] = ()) -> str:
    """The page; `facts` stand below the title. All text is escaped, and what hides or turns text is seen.

    Its script sorts and filters what is there without it; the page allows no other, by its hash.
    """
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
    script = files("routerlab.study.report").joinpath("templates/page.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = environment.get_template("page.html").render(
        title=title, facts=facts, sections=anchors, script=Markup(script), digest=Markup(digest)
    )
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
