"""Tiny encoders with seeded random weights, one of each kind that llama.cpp builds in its own way."""

from pathlib import Path
from typing import Any, Literal

import gguf
import numpy as np
from numpy.typing import NDArray

from routerlab.models.convert import bert
from routerlab.models.progress import Watch
from tests.engine.tiny import add_vocabulary
from tests.models.bert import CONTEXT, SPECIAL, TEXTS, published

Kind = Literal["bert", "nomic-bert", "modern-bert", "gemma-embedding"]
KINDS: tuple[Kind, ...] = ("bert", "nomic-bert", "modern-bert", "gemma-embedding")
EMBD, HEADS, FF, LAYERS = 32, 4, 64, 6
"""Six layers, of which the last one of a gemma-embedding sees more than its window: the library needs one."""

Tensors = dict[str, NDArray[np.float32]]


def build(path: Path, kind: Kind) -> Path:
    """Write a model of this kind to `path`; of a bert, what it was converted from lies beside it."""
    if kind == "bert":
        bert(published(path.with_suffix(".zip")), path, "tiny bert", Watch(lambda _: None))
        return path
    rng = np.random.default_rng(7)

    def rand(*shape: int) -> NDArray[np.float32]:
        return np.asarray(rng.standard_normal(shape) / np.sqrt(shape[-1]), np.float32)

    writer = gguf.GGUFWriter(path, kind)
    writer.add_name(f"tiny {kind}")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(EMBD)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FF)
    writer.add_head_count(HEADS)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    if kind != "nomic-bert":
        writer.add_sliding_window(16)
    if kind == "gemma-embedding":
        writer.add_layer_norm_rms_eps(1e-6)
        vocabulary = add_vocabulary(writer)
    else:
        writer.add_layer_norm_eps(1e-12)
        writer.add_causal_attention(False)
        vocabulary = _word_pieces(writer)
    whole = {"token_embd.weight": rand(vocabulary, EMBD) * 6}
    if kind == "nomic-bert":
        whole |= {"token_embd_norm.bias": rand(EMBD), "token_types.weight": rand(2, EMBD)}
    else:
        whole["output_norm.weight"] = _ones()
    if kind != "gemma-embedding":
        whole["token_embd_norm.weight"] = _ones()
    for layer in range(LAYERS):
        whole |= {f"blk.{layer}.{key}": value for key, value in _layer(kind, rand, layer).items()}
    for name, data in whole.items():
        writer.add_tensor(name, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _ones(n: int = EMBD) -> NDArray[np.float32]:
    return np.ones(n, np.float32)


def _layer(kind: Kind, rand: Any, layer: int) -> Tensors:
    found = {"ffn_down.weight": rand(EMBD, FF), "attn_output.weight": rand(EMBD, EMBD)}
    if kind == "modern-bert":
        found |= {"attn_qkv.weight": rand(3 * EMBD, EMBD), "ffn_up.weight": rand(2 * FF, EMBD)}
        found |= {"ffn_norm.weight": _ones()}
        return found | ({"attn_norm.weight": _ones()} if layer else {})
    found |= {"ffn_up.weight": rand(FF, EMBD), "ffn_gate.weight": rand(FF, EMBD)}
    if kind == "nomic-bert":
        found |= {"attn_qkv.weight": rand(3 * EMBD, EMBD)}
        for name in ("attn_output_norm", "layer_output_norm"):
            found |= {f"{name}.weight": _ones(), f"{name}.bias": rand(EMBD)}
        return found
    for name in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
        found[f"{name}.weight"] = _ones()
    for name in "qkv":
        found[f"attn_{name}.weight"] = rand(EMBD, EMBD)
    return found | {f"attn_{name}_norm.weight": _ones(EMBD // HEADS) for name in "qk"}


def _word_pieces(writer: Any) -> int:
    kinds = gguf.TokenType
    stored = [t if t in SPECIAL else t[2:] if t[2:] and t[:2] == "##" else f"\u2581{t}" for t in TEXTS]
    writer.add_tokenizer_model("bert")
    writer.add_token_type_count(2)
    writer.add_token_list(stored)
    writer.add_token_types([kinds.CONTROL if t in SPECIAL else kinds.NORMAL for t in TEXTS])
    for key, text in {"bos": "[CLS]", "eos": "[SEP]", "sep": "[SEP]", "unk": "[UNK]", "pad": "[PAD]"}.items():
        getattr(writer, f"add_{key}_token_id")(SPECIAL.index(text))
    return len(TEXTS)
