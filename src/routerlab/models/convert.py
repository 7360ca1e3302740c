"""A sentence encoder as it is published (safetensors, tokenizer and settings in a zip) made a GGUF file.

Only BERT with a WordPiece vocabulary. The same zip and version of the `gguf` package give the same bytes.
"""

import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routerlab.core.errors import Exit, LabError
from routerlab.core.text import printable
from routerlab.models.progress import Watch

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_JSON = 64 << 20
WORD = "\u2581"
"""What begins a word in the vocabulary of a GGUF file; WordPiece marks the parts that do not."""

TENSORS = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
"""Names of the weights and what GGUF calls them; those of a layer come after `encoder.layer.N.`."""

WHOLE = ("position_embd", "token_types")
"""Matrices that stay 32-bit floats, for the library adds to them."""

IDS = {"bos": "[CLS]", "eos": "[SEP]", "sep": "[SEP]", "unk": "[UNK]", "pad": "[PAD]", "mask": "[MASK]"}


def bert(source: Path, target: Path, name: str, watch: Watch) -> None:
    """Write the encoder in the zip `source` to `target`: matrices in 16-bit floats, everything else in 32.

    LabError when the zip is damaged or holds another kind of model; StoppedError when it was cancelled.
    """
    import gguf
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        with zipfile.ZipFile(source) as z:
            config, tokenizer = _json(z, "config.json"), _json(z, "tokenizer.json")
            pooling = _json(z, "1_Pooling/config.json")
            weights = load(z.read("model.safetensors"))
        _check(config, tokenizer)
        writer = gguf.GGUFWriter(target, "bert")
        writer.add_name(name)
        writer.add_context_length(config["max_position_embeddings"])
        writer.add_embedding_length(config["hidden_size"])
        writer.add_feed_forward_length(config["intermediate_size"])
        writer.add_block_count(config["num_hidden_layers"])
        writer.add_head_count(config["num_attention_heads"])
        writer.add_layer_norm_eps(config["layer_norm_eps"])
        writer.add_causal_attention(False)
        mean = bool(pooling["pooling_mode_mean_tokens"])
        writer.add_pooling_type(gguf.PoolingType.MEAN if mean else gguf.PoolingType.CLS)
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
        _vocabulary(writer, gguf.TokenType, tokenizer, config)
        for tensor, data in _tensors(weights):
            writer.add_tensor(tensor, data)
    except (zipfile.BadZipFile, zlib.error, EOFError, SafetensorError, KeyError, TypeError, ValueError) as e:
        raise LabError(f"cannot be converted: {printable(f'{type(e).__name__}: {e}')}", Exit.MISSING) from e
    watch.check()
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _json(z: zipfile.ZipFile, member: str) -> Any:
    with z.open(member) as file:
        return json.loads(file.read(MAX_JSON))


def _check(config: Any, tokenizer: Any) -> None:
    """ValueError unless it is what is written here: anything else would load and compute nonsense."""
    wanted = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
    for key, value in wanted.items():
        if config.get(key) != value:
            raise ValueError(f"{key} is {config.get(key)!r}, not {value!r}")
    normalizer = tokenizer["normalizer"]
    if tokenizer["model"]["type"] != "WordPiece" or not normalizer["lowercase"]:
        raise ValueError("its vocabulary is no uncased WordPiece, which is all that llama.cpp reads")


def _vocabulary(writer: Any, kinds: Any, tokenizer: Any, config: Any) -> None:
    numbers: dict[str, int] = tokenizer["model"]["vocab"]
    special = {token["content"] for token in tokenizer["added_tokens"] if token["special"]}
    texts = sorted(numbers, key=numbers.__getitem__)
    if len(texts) != config["vocab_size"] or [numbers[t] for t in texts] != list(range(len(texts))):
        raise ValueError("the vocabulary has not one text for each row of the embeddings")

    def stored(text: str) -> str:
        if text in special:
            return text
        return text[2:] if text.startswith("##") else WORD + text

    writer.add_tokenizer_model("bert")
    writer.add_token_type_count(config["type_vocab_size"])
    writer.add_token_list([stored(text) for text in texts])
    writer.add_token_types([kinds.CONTROL if text in special else kinds.NORMAL for text in texts])
    for kind, text in IDS.items():
        getattr(writer, f"add_{kind}_token_id")(numbers[text])


def _tensors(weights: "dict[str, NDArray[Any]]") -> "Iterator[tuple[str, NDArray[Any]]]":
    """Each with its new name, in the order of the old ones. ValueError for one that is not known."""
    import numpy as np

    for name in sorted(weights):
        if name.startswith("pooler.") or name.endswith("position_ids"):
            continue  # the first is for another task, the second counts from 0
        found = re.fullmatch(r"(?:encoder\.layer\.(\d+)\.)?(.+)\.(weight|bias)", name)
        if found is None or found[2] not in TENSORS:
            raise ValueError(f"{name} is no weight of a BERT")
        layer, old, kind = found.groups()
        new, data = TENSORS[old], weights[name]
        small = data.ndim == 2 and new not in WHOLE
        before = f"blk.{layer}." if layer else ""
        yield f"{before}{new}.{kind}", data.astype(np.float16 if small else np.float32)
