"""Templates: prompts with slots to fill, from a file of the user's."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field

from routerlab.core.files.toml import load_toml
from routerlab.core.prediction import Record

SLOT = re.compile(r"\{[^{}\n]{1,40}\}")
"""A slot, such as {language} or {...}."""
Filled = Annotated[str, Field(min_length=1)]


class Template(Record):
    """A prompt with slots, under a name."""

    name: Filled
    prompt: Filled


class Templates(Record):
    """What `templates.toml` holds."""

    template: tuple[Template, ...] = ()


EXAMPLE = Template(name="example", prompt="Write a {language} function that {does what}, with a test.")
"""What there is while there is no file."""


def load_templates(path: Path) -> tuple[Template, ...]:
    """The templates of the file, the example where there is none; LabError when it cannot be read."""
    return load_toml(path, Templates).template if path.exists() else (EXAMPLE,)


def next_slot(text: str, at: tuple[int, int], step: int) -> tuple[int, int] | None:
    """Where the slot after what is selected (start and end, in characters) begins and ends, or with step -1
    the one before; beyond the last comes the first. None where the text has none."""
    slots = [match.span() for match in SLOT.finditer(text)]
    if not slots:
        return None
    start, end = min(at), max(at)
    if step > 0:
        return next((slot for slot in slots if slot[0] >= end), slots[0])
    return next((slot for slot in reversed(slots) if slot[1] <= start), slots[-1])
