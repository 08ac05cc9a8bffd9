"""Prometheus text of /metrics, under the names that each server uses."""

from __future__ import annotations

import os
from typing import NamedTuple


class Figures(NamedTuple):
    """What a server counts."""

    running: int
    waiting: int
    prompt_tokens: int
    output_tokens: int
    cached_tokens: int


# As vLLM, llama.cpp and SGLang call them, in the order of `Figures`; empty: not told.
_NAMES = {
    "vllm:": (
        "num_requests_running",
        "num_requests_waiting",
        "prompt_tokens_total",
        "generation_tokens_total",
        "prefix_cache_hits_total",
    ),
    "llamacpp:": (
        "requests_processing",
        "requests_deferred",
        "prompt_tokens_total",
        "tokens_predicted_total",
        "prompt_tokens_cached_total",
    ),
    "sglang:": (
        "num_running_reqs",
        "num_queue_reqs",
        "prompt_tokens_total",
        "generation_tokens_total",
        "cached_tokens_total",
    ),
}


def text(prefix: str, model: str, figures: Figures, memory_bytes: int) -> str:
    """The page."""
    label = "" if prefix == "llamacpp:" else f'{{model_name="{model}"}}'
    lines = []
    for name, value in zip(_NAMES[prefix], figures, strict=True):
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# TYPE {prefix}{name} {kind}", f"{prefix}{name}{label} {value}"]
    lines += ["# TYPE process_resident_memory_bytes gauge"]
    lines += [f"process_resident_memory_bytes {memory_bytes}"]
    return "\n".join(lines) + "\n"


def resident_bytes() -> int:
    """The memory that this process takes; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as stream:
            return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
