"""Prompts compressed by each method and compared with what they were."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from routerlab.core.corpus import prompt_sha256
from routerlab.study.outcome.compress.reader import Encoder, Reader
from routerlab.study.outcome.compress.result import Row
from routerlab.study.outcome.record import Method

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
"""Numbers as prompts name them."""


@dataclass(frozen=True)
class Compressed:
    """A prompt, what is left of it, and that as figures."""

    prompt: str
    text: str
    row: Row


async def measure(
    prompts: Sequence[str],
    methods: Sequence[Method],
    keep: float,
    reader: Reader,
    encoder: Encoder,
    tell: Callable[[int, int], None],
) -> list[Compressed]:
    """Every prompt under every method; `tell` gets how many prompts are done, of how many. LabError when a
    model cannot go on, or a prompt does not fit the reader."""
    found = []
    for i, prompt in enumerate(prompts, 1):
        read, was = await reader.read(prompt), await encoder.embed(prompt)
        for method in methods:
            text = await reader.compress(read, method, keep)
            now = await encoder.embed(text)
            numbers = set(NUMBER.findall(prompt))
            row = Row(
                prompt_sha256=prompt_sha256(prompt),
                method=method,
                before=len(read.tokens),
                after=await reader.count(text),
                similarity=None if was is None or now is None else float(was @ now),
                numbers=len(numbers),
                lost=len(numbers - set(NUMBER.findall(text))),
            )
            found.append(Compressed(prompt, text, row))
        tell(i, len(prompts))
    return found
