"""What a model thought aloud before its answer, told from the answer.

Servers with a parser of their own send it apart; others, and models here, leave it in the text, between marks
that each family of models has its own of. What is thought is no answer: labels are tried out in it.
"""

import json
import re
from contextlib import suppress
from dataclasses import dataclass

_WORDS = r"(?:seed:)?(?:think|thinking|thought|thoughts|reasoning|reflection|analysis|scratchpad)"
_PAIRS = (
    (rf"<{_WORDS}(?:\s[^<>]*)?>", rf"</{_WORDS}\s*>"),
    (r"\[THINK(?:ING)?\]", r"\[/THINK(?:ING)?\]"),
    (r"◁think▷", r"◁/think▷"),
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    (r"<unused94>(?:thought)?", r"<unused95>"),
    (r"<\|channel>thought", r"<channel\|>"),
)
"""What begins a thought and what ends it: tags, Magistral, Kimi, Sky-T1, Command, MedGemma, Gemma."""
_OPEN = re.compile("|".join(f"({begin})" for begin, _ in _PAIRS), re.IGNORECASE)
_ENDS = [re.compile(end, re.IGNORECASE) for _, end in _PAIRS]
_CLOSE = re.compile("|".join(end for _, end in _PAIRS), re.IGNORECASE)
_CHANNEL = re.compile(
    r"(?:<\|start\|>)?(?:assistant)?\s{0,9}<\|channel\|>\s{0,9}(\w+)[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>"
)
"""Heads a message of the harmony format: its channel is `analysis`, `commentary` or `final`."""
_HARMONY_END = re.compile(r"<\|(?:end|return|call|start)\|>")
_BARE_HARMONY = re.compile(
    r"\s*analysis(?=[A-Z])(.*?)(assistant(?:commentary.{0,999}?assistant)?final|\Z)", re.DOTALL
)
"""The same where the special tokens were left out of the text."""


def is_mark(token: str) -> bool:
    """Whether a special token's text begins or ends a thought, or a channel, so that it must be read."""
    return any(p.fullmatch(token) for p in (_OPEN, _CLOSE)) or token in ("<|channel|>", "<|message|>")


def begins(prompt: str) -> bool:
    """Whether a prompt ends inside a thought: some templates have the model go on with one."""
    marks = [*_OPEN.finditer(prompt), *_CLOSE.finditer(prompt)]
    last = max(marks, key=lambda mark: mark.end(), default=None)
    return last is not None and _OPEN.fullmatch(last[0]) is not None


@dataclass(frozen=True)
class Spoken:
    """`answer` is what is left to read; `thought` what came before it. `cut` says that the thought has no
    end, so that there is no answer at all."""

    answer: str
    thought: str = ""
    cut: bool = False


def spoken(text: str, begun: bool = False) -> Spoken:
    """The text without its thoughts; itself where it has none.

    A thought begins before the first brace, for what follows an answer is not read anyway, and a mark within
    the answer is text. `begun` says that the prompt ended inside a thought, as some templates have it: then
    only an end is looked for, and without one all is thought.
    """
    if _CHANNEL.search(text):
        return _harmony(text)
    if bare := _BARE_HARMONY.match(text):
        return Spoken(text[bare.end() :], bare[1]) if bare[2] else Spoken("", bare[1], cut=True)
    thoughts: list[str] = []
    rest = text
    if not _OPEN.match(rest.lstrip()) and (end := _lone_end(rest, begun)):
        thoughts.append(rest[: end.start()])
        rest = rest[end.end() :]
    elif begun and not _OPEN.match(rest.lstrip()):
        return Spoken("", text, cut=True)
    while (begin := _OPEN.search(rest)) and "{" not in rest[: begin.start()]:
        end = _ENDS[(begin.lastindex or 1) - 1].search(rest, begin.end())
        if end is None:
            return Spoken("", "\n".join([*thoughts, rest[begin.end() :]]), cut=True)
        thoughts.append(rest[begin.end() : end.start()])
        rest = rest[: begin.start()] + rest[end.end() :]
    return Spoken(rest, "\n".join(thoughts)) if thoughts else Spoken(text)


def _lone_end(text: str, begun: bool) -> re.Match[str] | None:
    """The end of a thought whose beginning is in the prompt; None where there is none, where the mark is in a
    string of the answer, or where nothing follows it: then what stands before it is the answer."""
    end = _CLOSE.search(text)
    if end is None or ((begin := _OPEN.search(text)) and begin.start() < end.start()):
        return None
    if begun:
        return end
    start = text.find("{", 0, end.start())
    with suppress(ValueError, RecursionError):
        if start >= 0 and json.JSONDecoder().raw_decode(text, start)[1] > end.start():
            return None
    return end if text[end.end() :].strip() else None


def _harmony(text: str) -> Spoken:
    """The message of the channel `final`; what other channels hold is thought."""
    heads = list(_CHANNEL.finditer(text))
    thoughts, answer = [text[: heads[0].start()]], None
    for head, after in zip(heads, [*heads[1:], None], strict=True):
        body = text[head.end() : after.start() if after else len(text)]
        body = _HARMONY_END.split(body)[0]
        if head[1] == "final":
            answer = body
        else:
            thoughts.append(body)
    thought = "\n".join(filter(str.strip, thoughts))
    return Spoken("", thought, cut=True) if answer is None else Spoken(answer, thought)
