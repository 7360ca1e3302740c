"""Tiny GGUF models with seeded random weights that llama.cpp really loads: < 1 MB, made in milliseconds.

Their answers mean nothing; what matters is that each family keeps its memory in another way: plain attention,
sliding windows, a recurrent state, or both.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import gguf
import numpy as np
from llama_cpp import llama_cpp as c
from numpy.typing import NDArray

from routerlab.models.gguf import read_header

Family = Literal["llama", "gemma3", "mamba", "lfm2"]
FAMILIES: tuple[Family, ...] = ("llama", "gemma3", "mamba", "lfm2")
CONTEXT = 4096
WINDOW = 16
"""Sliding window of the gemma3 model, much shorter than any prefix."""

CONTROL = ("<|im_start|>", "<|im_end|>")
_EMBD, _HEADS, _FF, _LAYERS = 32, 4, 64, 2
_WORDS = ("the", "and", "you", "code", "simple", "complex", "label", "hybrid", "CoT", "user", "system")

_TURN = "<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
_LOOP = "{% for m in messages %}"
_END = "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
_REFUSE = "{% if m['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
_UNLESS_SYSTEM = "{% if m['role'] != 'system' %}"
_UNLESS_EARLIER = "{% if m['role'] != 'assistant' or loop.last %}"

TEMPLATES = {
    "chatml": _LOOP + _TURN + _END,
    "refuses system": _LOOP + _REFUSE + _TURN + _END,
    "drops system": _LOOP + _UNLESS_SYSTEM + _TURN + "{% endif %}" + _END,
    "strips turns": _LOOP + _UNLESS_EARLIER + _TURN + "{% endif %}" + _END,
    "endless loop": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "endless product": "{% set n = 10 ** 8 %}{{ 7 ** n % 3 }}",
    "huge memory": "{% set n = 2 ** 36 %}{{ 'a' * n }}",
    "escape": "{{ ''.__class__.__mro__ }}",
    "broken": "{% for m in messages %}",
}

Rand = Callable[..., NDArray[np.float32]]


def build(
    path: Path, family: Family = "llama", template: str | None = None, seed: int = 0, pooled: bool = False
) -> Path:
    """Write a model of this family to `path`; `template` is the text of its chat template. `pooled`: as an
    embedding model, whose last token stands for a text."""
    rng = np.random.default_rng(seed)

    def rand(*shape: int, scale: float = 1.0) -> NDArray[np.float32]:
        """Shape as numpy has it: (rows, columns); columns are summed over."""
        return np.asarray(rng.standard_normal(shape) * scale / np.sqrt(shape[-1]), np.float32)

    writer = gguf.GGUFWriter(path, family)
    writer.add_name(f"tiny {family}")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(_EMBD)
    writer.add_block_count(_LAYERS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    vocab = add_vocabulary(writer)
    if pooled:
        writer.add_pooling_type(gguf.PoolingType.LAST)
    if template is not None:
        writer.add_chat_template(template)
    norm = "token_embd_norm.weight" if family == "lfm2" else "output_norm.weight"
    tensors = {"token_embd.weight": rand(vocab, _EMBD, scale=6.0), norm: _ones(_EMBD)}
    tensors |= {"llama": _llama, "gemma3": _gemma3, "mamba": _mamba, "lfm2": _lfm2}[family](writer, rand)
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def dequantized(source: Path, path: Path) -> Path:
    """Write the same model with 32-bit weights to `path`."""
    params = c.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize, params.nthread = c.LLAMA_FTYPE_ALL_F32, True, 1
    assert c.llama_model_quantize(bytes(source), bytes(path), params) == 0
    assert path.stat().st_size > 4 * read_header(path).parameters
    return path


def _ones(n: int) -> NDArray[np.float32]:
    return np.ones(n, np.float32)


def add_vocabulary(writer: Any) -> int:
    """A sentencepiece vocabulary: three markers, the bytes, characters and some words, two control tokens."""
    kinds = gguf.TokenType
    tokens: list[tuple[str, float, int]] = [
        ("<unk>", 0.0, kinds.UNKNOWN),
        ("<s>", 0.0, kinds.CONTROL),
        ("</s>", 0.0, kinds.CONTROL),
    ]
    tokens += [(f"<0x{i:02X}>", 0.0, kinds.BYTE) for i in range(256)]
    tokens += [(chr(i), -100.0, kinds.NORMAL) for i in range(33, 127)]
    tokens.append(("\u2581", -100.0, kinds.NORMAL))
    known = {t for t, _, _ in tokens}
    # Sentencepiece merges two at a time: every beginning of a word must be a token for it to be reached.
    for word in _WORDS:
        for form in (word, f"\u2581{word}"):
            for end in range(2, len(form) + 1):
                if form[:end] not in known:
                    known.add(form[:end])
                    tokens.append((form[:end], -float(len(tokens)) / 100, kinds.NORMAL))
    tokens += [(text, 0.0, kinds.CONTROL) for text in CONTROL]
    writer.add_tokenizer_model("llama")
    writer.add_token_list([t for t, _, _ in tokens])
    writer.add_token_scores([s for _, s, _ in tokens])
    writer.add_token_types([k for _, _, k in tokens])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    return len(tokens)


def _attention(rand: Rand, layer: int, normed: bool) -> dict[str, NDArray[np.float32]]:
    head = _EMBD // _HEADS
    names = {f"attn_{n}.weight": rand(_EMBD, _EMBD) for n in ("q", "k", "v", "output")}
    if normed:
        names |= {"attn_q_norm.weight": _ones(head) * 2, "attn_k_norm.weight": _ones(head) * 2}
    return {f"blk.{layer}.{k}": v for k, v in names.items()}


def _forward(rand: Rand, layer: int) -> dict[str, NDArray[np.float32]]:
    names = {
        "attn_norm.weight": _ones(_EMBD),
        "ffn_norm.weight": _ones(_EMBD),
        "ffn_gate.weight": rand(_FF, _EMBD),
        "ffn_up.weight": rand(_FF, _EMBD),
        "ffn_down.weight": rand(_EMBD, _FF),
    }
    return {f"blk.{layer}.{k}": v for k, v in names.items()}


def _llama(writer: Any, rand: Rand) -> dict[str, NDArray[np.float32]]:
    writer.add_feed_forward_length(_FF)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_rope_dimension_count(_EMBD // _HEADS)
    tensors: dict[str, NDArray[np.float32]] = {}
    for layer in range(_LAYERS):
        tensors |= _attention(rand, layer, normed=False) | _forward(rand, layer)
    return tensors


def _gemma3(writer: Any, rand: Rand) -> dict[str, NDArray[np.float32]]:
    writer.add_feed_forward_length(_FF)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_key_length(_EMBD // _HEADS)
    writer.add_value_length(_EMBD // _HEADS)
    writer.add_sliding_window(WINDOW)
    tensors: dict[str, NDArray[np.float32]] = {}
    for layer in range(_LAYERS):
        tensors |= _attention(rand, layer, normed=True) | _forward(rand, layer)
        tensors |= {f"blk.{layer}.{n}.weight": _ones(_EMBD) for n in ("post_attention_norm", "post_ffw_norm")}
    return tensors


def _mamba(writer: Any, rand: Rand) -> dict[str, NDArray[np.float32]]:
    inner, state, kernel, rank = 2 * _EMBD, 8, 4, 4
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_ssm_conv_kernel(kernel)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(rank)
    tensors: dict[str, NDArray[np.float32]] = {}
    for layer in range(_LAYERS):
        names = {
            "attn_norm.weight": _ones(_EMBD),
            "ssm_in.weight": rand(2 * inner, _EMBD),
            "ssm_conv1d.weight": rand(inner, kernel),
            "ssm_conv1d.bias": rand(inner),
            "ssm_x.weight": rand(rank + 2 * state, inner),
            "ssm_dt.weight": rand(inner, rank),
            "ssm_dt.bias": rand(inner) - 2.0,
            "ssm_a": -np.tile(np.arange(1, state + 1, dtype=np.float32) / state, (inner, 1)),
            "ssm_d": _ones(inner),
            "ssm_out.weight": rand(_EMBD, inner),
        }
        tensors |= {f"blk.{layer}.{k}": v for k, v in names.items()}
    return tensors


def _lfm2(writer: Any, rand: Rand) -> dict[str, NDArray[np.float32]]:
    kernel = 3
    kv_heads: Sequence[int] = (0, _HEADS)  # the first layer is a short convolution, the second attention
    writer.add_feed_forward_length(_FF)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(kv_heads)
    writer.add_shortconv_l_cache(kernel)
    tensors = {
        "blk.0.shortconv.conv.weight": rand(_EMBD, kernel),
        "blk.0.shortconv.in_proj.weight": rand(3 * _EMBD, _EMBD),
        "blk.0.shortconv.out_proj.weight": rand(_EMBD, _EMBD),
    }
    return tensors | _attention(rand, 1, normed=True) | _forward(rand, 0) | _forward(rand, 1)
