"""Embeddings: MiniLM-L6-v2 as a forward pass in NumPy, so that the demo needs no deep-learning framework."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from aiops.providers.local.weights import EMBEDDINGS, NotInstalled, find

try:
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer
except ImportError as error:
    raise NotInstalled(error.name or "tokenizers") from error

Array: TypeAlias = NDArray[np.float32]

LAYERS = 6
HEADS = 12
WIDTH = 384
#: The length it was trained on; what is beyond is cut.
MAX_TOKENS = 256
#: Texts in one pass: more only grow the memory, as the matrices are large enough to keep a core busy.
BATCH = 16


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vectors of some texts, each of length 1, and how many tokens were read."""

    vectors: Array
    tokens: int


class MiniLM:
    """The model in memory: about 90 MB. Reading it is safe from several threads."""

    def __init__(self) -> None:
        weights = find(EMBEDDINGS)
        self._weights: dict[str, Array] = load_file(weights)
        self._tokenizer = Tokenizer.from_file(str(weights.parent / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        # The file pads everything to 128 tokens, which would be most of the work for a short text.
        self._tokenizer.enable_padding()

    def embed(self, texts: Sequence[str]) -> Embedded:
        """Return one unit vector for each text, in order."""
        # Sorted by length, so that a batch pads its texts to about what they are anyway.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        vectors = np.zeros((len(texts), WIDTH), dtype=np.float32)
        tokens = 0
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            encoded = self._tokenizer.encode_batch([texts[index] for index in batch])
            mask = np.array([one.attention_mask for one in encoded], dtype=np.float32)
            vectors[batch] = self._forward(np.array([one.ids for one in encoded]), mask)
            tokens += int(mask.sum())
        return Embedded(vectors, tokens)

    def _forward(self, ids: NDArray[np.int64], mask: Array) -> Array:
        hidden = self._embed_tokens(ids)
        bias = (mask - 1.0)[:, None, None, :] * np.float32(1e9)
        for layer in range(LAYERS):
            prefix = f"encoder.layer.{layer}"
            attended = self._attention(f"{prefix}.attention", hidden, bias)
            hidden = self._norm(f"{prefix}.attention.output.LayerNorm", hidden + attended)
            inner = _gelu(self._dense(f"{prefix}.intermediate.dense", hidden))
            outer = self._dense(f"{prefix}.output.dense", inner)
            hidden = self._norm(f"{prefix}.output.LayerNorm", hidden + outer)
        return _unit(_mean(hidden, mask))

    def _embed_tokens(self, ids: NDArray[np.int64]) -> Array:
        table = self._weights
        hidden = table["embeddings.word_embeddings.weight"][ids]
        hidden = hidden + table["embeddings.position_embeddings.weight"][: ids.shape[1]]
        hidden = hidden + table["embeddings.token_type_embeddings.weight"][0]
        return self._norm("embeddings.LayerNorm", hidden)

    def _attention(self, prefix: str, hidden: Array, bias: Array) -> Array:
        batch, length, _ = hidden.shape
        shape = (batch, length, HEADS, WIDTH // HEADS)
        query, key, value = (
            self._dense(f"{prefix}.self.{part}", hidden).reshape(shape).transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(WIDTH // HEADS)) + bias
        mixed = (_softmax(scores) @ value).transpose(0, 2, 1, 3).reshape(batch, length, WIDTH)
        return self._dense(f"{prefix}.output.dense", mixed)

    def _dense(self, name: str, hidden: Array) -> Array:
        # One flat product: NumPy would run a stacked one as many small ones.
        flat: Array = hidden.reshape(-1, hidden.shape[-1]) @ self._weights[f"{name}.weight"].T
        flat += self._weights[f"{name}.bias"]
        return flat.reshape(*hidden.shape[:-1], -1)

    def _norm(self, name: str, hidden: Array) -> Array:
        mean: Array = hidden.mean(-1, keepdims=True)
        centred: Array = hidden - mean
        spread: Array = (centred * centred).mean(-1, keepdims=True)
        centred /= np.sqrt(spread + np.float32(1e-12))
        normed: Array = centred * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return normed


def _gelu(h: Array) -> Array:
    # h * h * h, not h ** 3: NumPy's power costs two thirds of the whole pass.
    inner = np.float32(0.7978845608) * (h + np.float32(0.044715) * (h * h * h))
    tanh: Array = np.tanh(inner)
    return np.float32(0.5) * h * (np.float32(1.0) + tanh)


def _softmax(scores: Array) -> Array:
    raised = np.exp(scores - scores.max(-1, keepdims=True))
    total: Array = raised.sum(-1, keepdims=True)
    shares: Array = raised / total
    return shares


def _mean(hidden: Array, mask: Array) -> Array:
    summed: Array = (hidden * mask[:, :, None]).sum(1)
    lengths: Array = mask.sum(1, keepdims=True)
    mean: Array = summed / lengths
    return mean


def _unit(vectors: Array) -> Array:
    length: Array = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Array = vectors / length
    return unit
