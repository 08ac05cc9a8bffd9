"""Embeddings that depend on the text alone: the same text, the same vector."""

from __future__ import annotations

import base64
import math
from array import array
from random import Random
from typing import Any

from slipstream.tasks.benchmarking.simulate import tokenizer
from slipstream.tasks.benchmarking.simulate.answer import BadRequest


def answer(body: dict[str, Any], model: str, dimensions: int) -> tuple[dict[str, Any], int]:
    """The answer to a request for embeddings, and its number of tokens.

    Raises:
        BadRequest: There is nothing to embed.
    """
    given = body.get("input")
    listed = given if isinstance(given, list) else [given]
    texts = [text for text in listed if isinstance(text, str) and text]
    if not texts or len(texts) < len(listed):
        raise BadRequest("`input` must be a text or a list of texts, none of them empty.")
    wanted = body.get("dimensions") or dimensions
    if not isinstance(wanted, int) or not 1 <= wanted <= 8192:
        raise BadRequest("`dimensions` must be a whole number from 1 to 8192.")
    data = []
    for index, text in enumerate(texts):
        vector = _vector(text, wanted)
        told: Any = vector.tolist()
        if body.get("encoding_format") == "base64":
            told = base64.b64encode(vector.tobytes()).decode()
        data.append({"object": "embedding", "index": index, "embedding": told})
    tokens = sum(tokenizer.count(text) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": model, "usage": usage}, tokens


def _vector(text: str, dimensions: int) -> array[float]:
    random = Random(text)
    values = [random.gauss(0, 1) for _ in range(dimensions)]
    length = math.sqrt(sum(value * value for value in values))
    return array("f", [value / length for value in values])
