"""What settings, files and options choose from: words, for the command line reads them at every start."""

from typing import Literal

Schedule = Literal["exclusive", "parallel"]
"""Whether models take turns, as anything timed should, or answer all at once."""
Split = Literal["none", "layer", "row"]
"""How a model lies on several devices: on one of them only, whole layers on each, or rows of every tensor."""

Turn = Literal["first", "last", "all-user"]
"""Which of a conversation's turns are prompts: the user's first, the last, or each of them."""

CorpusFormat = Literal[
    "csv",
    "jsonl",
    "prodigy",
    "doccano",
    "label-studio",
    "argilla",
    "promptfoo",
    "inspect",
    "openai",
    "parquet",
]
"""What a corpus can be written as."""
