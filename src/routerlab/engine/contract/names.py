"""The names of contracts, of encodings, and of instructions."""

from typing import Literal

ContractName = Literal[
    "json", "score", "probe", "cascade", "majority", "keywords", "agreement", "none", "chat"
]
"""How an arm comes to a label; those after `cascade` are baselines, and `none` puts no label on anything.
Under `chat` a model does not route: it answers the prompt, as a downstream model."""
Encoding = Literal["json-name", "name", "code"]
"""How the answer is written that `score` reads (see encoding.py)."""
Instruction = Literal["full", "cues", "names"]
"""How much a probed model is told of the labels (see contract.py): its head is fitted to what it was told."""
INSTRUCTIONS: tuple[Instruction, ...] = ("full", "cues", "names")
"""The longest first."""
Untuned = Literal["json", "score"]
UNTUNED: tuple[Untuned, ...] = ("json", "score")
"""Contracts under which any model can be asked; the others need a router file."""
