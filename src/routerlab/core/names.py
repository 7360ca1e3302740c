"""What settings, files and options choose from: words, for the command line reads them at every start."""

from typing import Literal

Schedule = Literal["exclusive", "parallel"]
"""Whether models take turns, as anything timed should, or answer all at once."""
Split = Literal["none", "layer", "row"]
"""How a model lies on several devices: on one of them only, whole layers on each, or rows of every tensor."""
Parse = Literal["strict", "lenient"]
"""How a generated answer is read: as the study did, or with whatever else a label can be told from."""
Reasoning = Literal["default", "low", "off"]
"""How much a remote model may think before it answers: as its server has it, little, or not at all."""
Server = Literal["deepseek", "openai", "mistral", "openrouter", "vllm", "ollama", "llama-server", "lm-studio"]
"""Servers whose habits are known."""

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
