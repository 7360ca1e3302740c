"""Prompts to choose from: what was sent, bookmarks, templates. Pure."""

from collections.abc import Sequence
from itertools import islice

from textual.content import Content

from routerlab.tui.lab.slots import Template
from routerlab.tui.shared.find import Hit
from routerlab.tui.shared.text import one_line

MOST = 100
"""Prompts that are listed."""
WIDTH = 120
"""Columns of a prompt in the list, at most."""


def prompt_hits(prompts: Sequence[str], words: str) -> list[Hit]:
    """The prompts that have all the words, in their order, with their places in `prompts`."""
    wanted = words.casefold().split()
    found = (i for i, prompt in enumerate(prompts) if _has(prompt, wanted))
    return [(i, Content(one_line(prompts[i], WIDTH))) for i in islice(found, MOST)]


def template_hits(templates: Sequence[Template], words: str) -> list[Hit]:
    """The templates that have all the words in their name or prompt, with their places in `templates`."""
    wanted = words.casefold().split()
    found = (i for i, t in enumerate(templates) if _has(f"{t.name}\n{t.prompt}", wanted))
    return [
        (
            i,
            Content.assemble(
                (one_line(templates[i].name, 30), "bold"), f"  {one_line(templates[i].prompt, WIDTH)}"
            ),
        )
        for i in islice(found, MOST)
    ]


def _has(text: str, wanted: Sequence[str]) -> bool:
    if not wanted:
        return True
    folded = text.casefold()
    return all(word in folded for word in wanted)
