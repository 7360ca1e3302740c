"""Ways to send fewer tokens of a prompt, from what a small model made of it: data in, text out."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import floor

from routerlab.engine.contract.contract import CUT, window_cut

SEGMENT = 32
"""Tokens that LLMLingua's iteration takes at a time. The paper has 100, for prompts of thousands; most users'
prompts would be one segment then, and nothing conditional on what was kept."""

_KANA, _CJK_END = 0xE3, 0xE9
"""First bytes, in UTF-8, of scripts whose words no space parts."""

Weigh = Callable[[Sequence[int]], Awaitable[Sequence[float]]]
"""The surprisals of tokens where a user's prompt stands, in nats."""


@dataclass(frozen=True)
class Reading:
    """A prompt's tokens, the bytes of each, and its surprisal in nats."""

    tokens: tuple[int, ...]
    pieces: tuple[bytes, ...]
    nats: tuple[float, ...]

    def text(self, kept: Sequence[int]) -> str:
        """The text of these tokens (indices); what is left of a torn character is not."""
        return b"".join(self.pieces[i] for i in kept).decode("utf-8", "ignore")


def budget(n: int, keep: float) -> int:
    """How many of `n` tokens may stay: the share `keep`, rounded down, and one at least of any."""
    return min(n, max(1, floor(keep * n + 1e-9)))


def window(read: Reading, keep: float, mark: int) -> str:
    """The router's window: head and tail, half each, and between them "[...]", which takes `mark` tokens."""
    n = len(read.tokens)
    cut = window_cut(range(n), budget(n, keep), [-1] * mark)
    if len(cut) >= n:  # so short that the mark would take what the cut frees
        return read.text(range(n))
    middle = cut.index(-1)
    return read.text(cut[:middle]) + CUT + read.text(cut[middle + mark :])


def self_information(read: Reading, keep: float) -> str:
    """Without the words that the model expected most, until no more than the budget is left.

    Selective Context (Y. Li, B. Dong, F. Guerin and C. Lin, "Compressing Context to Enhance Inference
    Efficiency of Large Language Models", EMNLP 2023, arXiv 2310.06201), whose units may be tokens, phrases or
    sentences. Ours are words, for noun phrases need a parser for each language. A word's self-information is
    the mean of its tokens', as in the authors' program.
    """
    most = budget(len(read.tokens), keep)
    groups = words(read.pieces)
    kept = {i for group in groups for i in group}
    for group in sorted(groups, key=lambda group: sum(read.nats[i] for i in group) / len(group)):
        if len(kept) <= most:
            break
        if len(kept) > len(group):
            kept -= set(group)
    return read.text(sorted(kept)).strip()


def words(pieces: Sequence[bytes]) -> list[list[int]]:
    """The tokens (indices) of each word, with the white space before it; characters of Chinese and Japanese
    are words each."""
    found: list[list[int]] = []
    text = b""
    for i, piece in enumerate(pieces):
        begins = piece[:1].isspace() or text[-1:].isspace() or _KANA <= (piece or b"\0")[0] <= _CJK_END
        if not found or (begins and text.strip()):
            found.append([])
            text = b""
        found[-1].append(i)
        text += piece
    return found


async def llmlingua(read: Reading, keep: float, weigh: Weigh) -> str:
    """Segment by segment the tokens that are least expected after what was kept of those before.

    The iterative token-level compression of LLMLingua (H. Jiang, Q. Wu, C.-Y. Lin, Y. Yang and L. Qiu,
    "LLMLingua: Compressing Prompts for Accelerated Inference of Large Language Models", EMNLP 2023, arXiv
    2310.05736, algorithm 2), each segment by its own threshold. Its budget controller is left out: it drops
    demonstrations where more than twice the budget is there, and gives instruction, demonstrations and
    question a share each; a prompt that a user typed has no such parts. So is the small model's alignment.
    """
    kept: list[int] = []
    for start in range(0, len(read.tokens), SEGMENT):
        segment = range(start, min(start + SEGMENT, len(read.tokens)))
        nats: Sequence[float] = read.nats[: len(segment)]
        if kept:
            after = await weigh([read.tokens[i] for i in (*kept, *segment)])
            nats = after[len(kept) :]
        order = sorted(range(len(segment)), key=lambda k: -nats[k])
        kept += sorted(segment[k] for k in order[: budget(len(segment), keep)])
    return read.text(kept).strip()
