"""The names of contracts and of encodings."""

from typing import Literal

ContractName = Literal["json", "score", "probe", "cascade", "majority", "keywords", "agreement", "none"]
"""How an arm comes to a label; those after `cascade` are baselines, and `none` puts no label on anything."""
Encoding = Literal["json-name", "name", "code"]
"""How the answer is written that `score` reads (see encoding.py)."""
Untuned = Literal["json", "score"]
UNTUNED: tuple[Untuned, ...] = ("json", "score")
"""Contracts under which any model can be asked; the others need a router file."""
