"""Training an adapter and its head together, from the head that is fitted to what the encoder computes
without one."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routerlab.tune.adapter.bert import Encoder, Read
from routerlab.tune.cases import Ints
from routerlab.tune.fit import STRENGTHS, Doubles, Floats, Linear, fit

BATCH, TOGETHER = 32, 16
"""Prompts of one step; of so many steps they are sorted by length, so that little is padded."""

WARM, CLIP = 0.06, 1.0
"""The share of the steps in which the rate rises, and the norm that a gradient is cut to."""

MODULES = ("query", "key", "value", "dense")
"""What has an adapter: every matrix of a layer."""


@dataclass(frozen=True)
class Recipe:
    """How it is trained: LoRA of this `rank` (Hu et al. 2021, arXiv:2106.09685), AdamW, rates that rise
    and then fall to nothing in a straight line; dropout of what the head reads."""

    rank: int = 16
    epochs: int = 3
    rate: float = 1e-3
    head_rate: float = 1e-3
    decay: float = 0.01
    head_decay: float = 0.05
    dropout: float = 0.1

    @property
    def alpha(self) -> int:
        """What the adapter's product is multiplied by, times the rank."""
        return 2 * self.rank


@dataclass(frozen=True)
class Trained:
    """`matrices` by the name of the weight that they are added to: (rank, in) and (out, rank), 32-bit;
    `linear` is the head, `features` (n, PARTS x width) are of all prompts with the adapter."""

    matrices: Mapping[str, tuple[Floats, Floats]]
    linear: Linear
    features: Floats


def features(
    encoder: Encoder, prompts: Sequence[Read], tell: Callable[[int, int], None] = lambda *_: None
) -> Floats:
    """(n, PARTS x width) of each prompt; `tell` gets how many are done, of how many."""
    import torch

    found = np.zeros((len(prompts), len(prompts[0].means) * encoder.width), np.float32)
    encoder.model.eval()
    done = 0
    with torch.no_grad():
        for rows in _batches(prompts, np.arange(len(prompts)), None):
            found[rows] = _computed(encoder, [prompts[i] for i in rows]).numpy()
            done += len(rows)
            tell(done, len(prompts))
    return found


def train(
    encoder: Encoder,
    prompts: Sequence[Read],
    target: Doubles,
    rows: Ints,
    frozen: Floats,
    recipe: Recipe,
    seed: int,
    tell: Callable[[int, int], None],
) -> Trained:
    """Train on the prompts of `rows`; `target` as `fit` takes it, `frozen` what the encoder computes of all
    prompts without an adapter (see `features`), `tell` gets steps done of how many.

    The encoder given is left as it was. The same seed on the same machine gives the same numbers.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        target_modules=rf"encoder\.layer\.\d+\..*({'|'.join(MODULES)})",
    )
    with warnings.catch_warnings():  # of what the two libraries are to each other
        warnings.simplefilter("ignore", FutureWarning)
        wrapped = get_peft_model(encoder.model, config)
    own = Encoder(wrapped, encoder.path, encoder.layer)
    mean, scale = frozen[rows].mean(axis=0), frozen[rows].std(axis=0) + 1e-6
    begin = fit(frozen[rows], target[rows], STRENGTHS[0])
    flat = begin.weights.reshape(-1, frozen.shape[1])
    weights = torch.nn.Parameter(torch.tensor(flat * scale, dtype=torch.float32))
    bias = torch.nn.Parameter(torch.tensor(begin.bias.ravel() + flat @ mean, dtype=torch.float32))
    small = [p for p in wrapped.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {"params": small, "lr": recipe.rate, "weight_decay": recipe.decay},
            {"params": [weights, bias], "lr": recipe.head_rate, "weight_decay": recipe.head_decay},
        ]
    )
    middle, width, right = (
        torch.tensor(mean),
        torch.tensor(scale),
        torch.tensor(target.reshape(len(target), -1)),
    )
    total = recipe.epochs * sum(1 for _ in _batches(prompts, rows, np.random.default_rng(seed)))
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda k: min(k / (WARM * total), 1.0) * (1 - k / total)
    )
    done = 0
    for _ in range(recipe.epochs):
        wrapped.train()
        for batch in _batches(prompts, rows, rng):
            seen = (_computed(own, [prompts[i] for i in batch]) - middle) / width
            seen = torch.nn.functional.dropout(seen, recipe.dropout)
            logs = (seen @ weights.T + bias).log_softmax(1)
            loss = -(right[batch] * logs).sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([*small, weights, bias], CLIP)
            optimizer.step()
            rate.step()
            done += 1
            tell(done, total)
    learnt = weights.detach().numpy().astype(np.float64) / scale
    linear = Linear(
        learnt.reshape(begin.weights.shape),
        (bias.detach().numpy() - learnt @ mean).reshape(begin.bias.shape),
    )
    found = features(own, prompts, lambda *_: tell(done, total))
    matrices = _matrices(wrapped)
    wrapped.unload()
    return Trained(matrices, linear, found)


def _matrices(wrapped: Any) -> dict[str, tuple[Floats, Floats]]:
    """By the name of the weight that they are added to, as the encoder calls it."""
    from peft import get_peft_model_state_dict

    state = {name: p.detach().numpy() for name, p in get_peft_model_state_dict(wrapped).items()}
    first = [name for name in state if ".lora_A." in name]
    return {
        name.removeprefix("base_model.model.").replace(".lora_A.weight", ""): (
            state[name].astype(np.float32),
            state[name.replace(".lora_A.", ".lora_B.")].astype(np.float32),
        )
        for name in first
    }


def _computed(encoder: Encoder, prompts: Sequence[Read]) -> Any:
    """A torch tensor (n, PARTS x width)."""
    import torch

    longest = max(len(read.tokens) for read in prompts)
    tokens = torch.zeros((len(prompts), longest), dtype=torch.long)
    there = torch.zeros((len(prompts), longest))
    means = torch.zeros((len(prompts), len(prompts[0].means), longest))
    for row, read in enumerate(prompts):
        n = len(read.tokens)
        tokens[row, :n], there[row, :n] = torch.tensor(read.tokens), 1.0
        means[row, :, :n] = torch.from_numpy(read.means)
    output = encoder.model(input_ids=tokens, attention_mask=there).last_hidden_state
    return (means @ output).flatten(1)


def _batches(
    prompts: Sequence[Read], rows: Ints, rng: np.random.Generator | None
) -> Iterator[NDArray[np.int64]]:
    """Row numbers by the batch, of prompts about as long; in a seeded order, or as they come."""
    if rng is not None:
        rows = rng.permutation(rows)
    batches = []
    for start in range(0, len(rows), BATCH * TOGETHER):
        chunk = rows[start : start + BATCH * TOGETHER]
        chunk = chunk[np.argsort([len(prompts[i].tokens) for i in chunk], kind="stable")]
        batches += [chunk[i : i + BATCH] for i in range(0, len(chunk), BATCH)]
    if rng is not None:
        batches = [batches[i] for i in rng.permutation(len(batches))]
    yield from batches
