"""Judged answers, made."""

from __future__ import annotations

from typing import Any

from slipstream.storage.bench_answers import AnswerRow


def row(case_id: str = "a", number: int = 0, layer: str = "right", **more: Any) -> AnswerRow:
    """An answer to a case; right, unless a layer is named."""
    values: dict[str, Any] = {
        "number": number, "case_id": case_id, "attempt": 0, "category": "simple",
        "difficulty": "easy", "tool": "read_file", "score": float(layer == "right"),
        "layer": layer, "reason": "", "form": "native", "prompt": "Read it.",
        "expected": "[[]]", "actual": "[]", "text": "",
    }  # fmt: skip
    return AnswerRow(**values | more)


def repeated(*cases: str) -> list[AnswerRow]:
    """The answers to cases, each as letters: `r` right, `w` wrong, `f` failed."""
    layers = {"r": "right", "w": "value", "f": "failed"}
    return [
        row(f"case-{place}", attempt * len(cases) + place, layers[letter], attempt=attempt)
        for place, letters in enumerate(cases)
        for attempt, letter in enumerate(letters)
    ]
