"""A BERT encoder out of its GGUF file as torch computes with it: what the engine computes, with gradients."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from routerlab.core.errors import LabError
from routerlab.engine.contract.contract import CUT, own_frame, window_cut
from routerlab.engine.contract.head import PARTS, THIRDS
from routerlab.models.convert import TENSORS, WORD
from routerlab.models.gguf import read_header
from routerlab.tune.fit import Floats

LONGEST = 510
"""Tokens that a prompt may have: one decode of the engine holds it whole, with the two around it."""


@dataclass(frozen=True)
class Read:
    """A prompt as an encoder reads it: `lead` tokens, its own, and one that ends it."""

    tokens: tuple[int, ...]
    lead: int

    @property
    def means(self) -> Floats:
        """(PARTS, tokens): what gives the features from a layer's output for each token, as the engine takes
        them (see encoder_features in engine/worker/layers.py)."""
        n, own = len(self.tokens), len(self.tokens) - self.lead - 1
        weights = np.zeros((PARTS, n), np.float32)
        weights[0], weights[1, 0] = 1 / n, 1.0
        for k in range(THIRDS):
            first, last = own * k // THIRDS, own * (k + 1) // THIRDS
            last = max(last, first + 1)
            weights[2 + k, self.lead + first : self.lead + last] = 1 / (last - first)
        return weights


@dataclass(frozen=True)
class Encoder:
    """`model` is transformers' BertModel, cut after the layer that is read."""

    model: Any
    path: Path
    layer: int

    @property
    def width(self) -> int:
        """Numbers of each token's output."""
        return int(self.model.config.hidden_size)


def load_encoder(path: Path, layer: int) -> Encoder:
    """The encoder in the GGUF file up to `layer` (counted from 0), with 32-bit weights; LabError when it is
    no BERT, or has no such layer."""
    import gguf
    from torch import from_numpy
    from transformers import BertConfig, BertModel

    header = read_header(path)
    if header.architecture != "bert":
        raise LabError(
            f"{path}: is {header.architecture}; adapters are trained for encoders of kind bert only"
        )
    if not 0 <= layer < (header.n_layers or 0):
        raise LabError(f"{path}: has no layer {layer}; the last is {(header.n_layers or 0) - 1}")
    reader = gguf.GGUFReader(path)

    def said(key: str) -> Any:
        field = reader.get_field(f"bert.{key}")
        if field is None:
            raise LabError(f"{path}: does not say its {key}")
        return field.contents()

    old = {new: name for name, new in TENSORS.items()}
    state = {}
    for tensor in reader.tensors:
        found = re.fullmatch(r"(?:blk\.(\d+)\.)?(.+)\.(weight|bias)", tensor.name)
        if found and found[2] in old and int(found[1] or 0) <= layer:
            before = f"encoder.layer.{found[1]}." if found[1] else ""
            data = gguf.dequantize(tensor.data, tensor.tensor_type)
            state[f"{before}{old[found[2]]}.{found[3]}"] = from_numpy(np.array(data, np.float32))
    words = "embeddings.word_embeddings.weight"
    if words not in state:
        raise LabError(f"{path}: has no {words}; it is no BERT as they are published")
    config = BertConfig(
        vocab_size=len(state[words]),
        hidden_size=said("embedding_length"),
        num_hidden_layers=layer + 1,
        num_attention_heads=said("attention.head_count"),
        intermediate_size=said("feed_forward_length"),
        max_position_embeddings=said("context_length"),
        type_vocab_size=len(state["embeddings.token_type_embeddings.weight"]),
        layer_norm_eps=said("attention.layer_norm_epsilon"),
        attention_probs_dropout_prob=0.0,  # which takes a third of the time
    )
    model = BertModel(config, add_pooling_layer=False)
    if missing := model.load_state_dict(state, strict=False).missing_keys:
        raise LabError(f"{path}: has no {missing[0]}; it is no BERT as they are published")
    return Encoder(model.eval(), path, layer)


def read(path: Path, prompts: Sequence[str], window: int) -> list[Read]:
    """The prompts as the engine has that encoder read them, cut to the window."""
    import gguf
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    reader = gguf.GGUFReader(path)
    field, kinds = (reader.get_field(f"tokenizer.ggml.{key}") for key in ("tokens", "token_type"))
    if field is None or kinds is None:
        raise LabError(f"{path}: has no vocabulary")
    marked = [kind != gguf.TokenType.NORMAL for kind in kinds.contents()]
    vocabulary = {
        text if special else text.removeprefix(WORD) if text.startswith(WORD) else f"##{text}": number
        for number, (text, special) in enumerate(zip(field.contents(), marked, strict=True))
    }
    words = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    words.normalizer, words.pre_tokenizer = BertNormalizer(), BertPreTokenizer()

    def split(text: str) -> list[int]:
        return list(words.encode(text, add_special_tokens=False).ids)

    header = read_header(path)
    framing = own_frame(header.architecture, header.name)
    lead = [vocabulary["[CLS]"], *(t for piece in framing.prefix for t in split(piece.text))]
    mark, end = split(CUT), vocabulary["[SEP]"]
    own = (window_cut(split(framing.written(prompt)), min(window, LONGEST), mark) for prompt in prompts)
    return [Read((*lead, *tokens, end), len(lead)) for tokens in own]
