"""The lines of what is looked for: labels and prompts. Pure functions of a desk and a palette."""

from textual.content import Content

from routerlab.annotate.desk.desk import Desk, queues
from routerlab.core.taxonomy import Taxonomy
from routerlab.tui.shared.find import Hit
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import fit, one_line

MOST = 100
"""Prompts that are listed."""
ID, PROMPT, CUE = 14, 90, 200


def label_hits(taxonomy: Taxonomy, words: str, p: Palette) -> list[Hit]:
    """The labels whose name or cue has all the words."""
    wanted = words.casefold().split()
    names = [one_line(label.name, 64) for label in taxonomy.label]
    size = max(map(len, names))
    return [
        (
            i,
            Content.assemble(
                (fit(name, size), p.label(label.name)), (f"  {one_line(label.cue, CUE)}", p.dim)
            ),
        )
        for i, (label, name) in enumerate(zip(taxonomy.label, names, strict=True))
        if all(word in f"{label.name} {label.cue}".casefold() for word in wanted)
    ]


def item_hits(desk: Desk, words: str, p: Palette) -> list[Hit]:
    """The items with these words; of each what its annotator said, and nothing of others."""
    return [
        (
            i,
            Content.assemble(
                (fit(one_line(desk.items[i].id, ID), ID), "bold"),
                (f"  {queues(desk.state(i))[0]:<9}", p.dim),
                f"  {one_line(desk.items[i].prompt, PROMPT)}",
            ),
        )
        for i in desk.search(words, MOST)
    ]
