"""A tiny sentence encoder as such are published, and what one computes, in plain numpy."""

import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

Floats = NDArray[np.float64]

LAYERS, EMBD, HEADS, FF, CONTEXT = 4, 32, 4, 64, 96
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = [chr(i) for i in range(33, 127) if not chr(i).isupper()]
TEXTS = (*SPECIAL, *LETTERS, *(f"##{c}" for c in LETTERS), "write", "code", "##ing", "the", "sky")
CONFIG: dict[str, Any] = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": EMBD,
    "intermediate_size": FF,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": CONTEXT,
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
    "position_embedding_type": "absolute",
    "type_vocab_size": 2,
    "vocab_size": len(TEXTS),
}


def published(path: Path, config: Mapping[str, Any] = CONFIG, drop: str = "", add: str = "") -> Path:
    """Write the zip of a tiny model with random weights that 16 bits can hold, without the member `drop`,
    with one more weight called `add`."""
    vocabulary = {text: i for i, text in enumerate(TEXTS)}
    tokenizer = {
        "normalizer": {"lowercase": True},
        "model": {"type": "WordPiece", "vocab": vocabulary},
        "added_tokens": [{"content": text, "special": True} for text in SPECIAL],
    }
    tensors = _weights() | ({add: np.ones(3, np.float32)} if add else {})
    members = {
        "config.json": json.dumps(dict(config)).encode(),
        "tokenizer.json": json.dumps(tokenizer).encode(),
        "1_Pooling/config.json": b'{"pooling_mode_mean_tokens": true}',
        "model.safetensors": save(tensors),
    }
    with zipfile.ZipFile(path, "w") as z:
        for name, data in members.items():
            if name != drop:
                z.writestr(name, data)
    return path


def _weights() -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(7)

    def rand(*shape: int, scale: float = 1.0) -> NDArray[np.float32]:
        numbers = rng.standard_normal(shape) * scale / np.sqrt(shape[-1])
        return np.asarray(numbers.astype(np.float16), np.float32)

    def norm(name: str) -> dict[str, NDArray[np.float32]]:
        return {f"{name}.weight": 1 + rand(EMBD), f"{name}.bias": rand(EMBD)}

    def dense(name: str, rows: int, columns: int) -> dict[str, NDArray[np.float32]]:
        return {f"{name}.weight": rand(rows, columns), f"{name}.bias": rand(rows)}

    found = {
        "embeddings.word_embeddings.weight": rand(len(TEXTS), EMBD, scale=6.0),
        "embeddings.position_embeddings.weight": rand(CONTEXT, EMBD, scale=6.0),
        "embeddings.token_type_embeddings.weight": rand(2, EMBD),
        "embeddings.position_ids": np.arange(CONTEXT, dtype=np.float32)[None],
        **norm("embeddings.LayerNorm"),
        **dense("pooler.dense", EMBD, EMBD),
    }
    for i in range(LAYERS):
        at = f"encoder.layer.{i}"
        for name in ("query", "key", "value"):
            found |= dense(f"{at}.attention.self.{name}", EMBD, EMBD)
        found |= dense(f"{at}.attention.output.dense", EMBD, EMBD) | norm(f"{at}.attention.output.LayerNorm")
        found |= dense(f"{at}.intermediate.dense", FF, EMBD) | dense(f"{at}.output.dense", EMBD, FF)
        found |= norm(f"{at}.output.LayerNorm")
    return found


def forward(source: Path, tokens: Sequence[int]) -> list[Floats]:
    """What each layer of the model in the zip makes of these tokens: (tokens, width) for each (Devlin et al.
    2019)."""
    with zipfile.ZipFile(source) as z:
        config = json.loads(z.read("config.json"))
        weights = {k: v.astype(np.float64) for k, v in load(z.read("model.safetensors")).items()}
    heads, n = config["num_attention_heads"], len(tokens)

    def dense(x: Floats, name: str) -> Floats:
        return np.asarray(x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"])

    def norm(x: Floats, name: str) -> Floats:
        x = x - x.mean(axis=-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + config["layer_norm_eps"])
        return np.asarray(x * weights[f"{name}.weight"] + weights[f"{name}.bias"])

    erf = np.vectorize(math.erf)
    x = weights["embeddings.word_embeddings.weight"][list(tokens)]
    x = x + weights["embeddings.position_embeddings.weight"][:n]
    x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    outputs = []
    for i in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{i}"
        q, k, v = (
            dense(x, f"{at}.attention.self.{name}").reshape(n, heads, -1).swapaxes(0, 1)
            for name in ("query", "key", "value")
        )
        scores = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = (shares / shares.sum(axis=-1, keepdims=True) @ v).swapaxes(0, 1).reshape(n, -1)
        x = norm(x + dense(mixed, f"{at}.attention.output.dense"), f"{at}.attention.output.LayerNorm")
        wide = dense(x, f"{at}.intermediate.dense")
        wide = wide * (1 + erf(wide / np.sqrt(2))) / 2
        x = norm(x + dense(wide, f"{at}.output.dense"), f"{at}.output.LayerNorm")
        outputs.append(x)
    return outputs


def damaged(path: Path) -> Path:
    """The zip with some bytes of its weights turned over."""
    data = bytearray(published(path).read_bytes())
    at = data.index(b"model.safetensors") + 5000
    data[at : at + 8] = bytes(255 - b for b in data[at : at + 8])
    path.write_bytes(data)
    return path
