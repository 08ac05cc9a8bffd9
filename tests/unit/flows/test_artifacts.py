"""Keys of artifacts; what is shown of them by a real server is in tests/integration."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipstream.flows import artifacts


@pytest.mark.parametrize(
    ("parts", "key"),
    [
        (("run-benchmark", "smoke", "Qwen/Qwen3-0.6B"), "run-benchmark-smoke-qwen-qwen3-0-6b"),
        (("warm-cache", "Großes Haus"), "warm-cache-gro-es-haus"),
        (("a", ""), "a"),
    ],
)
def test_a_key_is_made_of_words_that_prefect_takes(parts: tuple[str, ...], key: str) -> None:
    assert artifacts.key(*parts) == key


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(), min_size=1, max_size=4))
def test_any_parts_make_a_key_that_prefect_takes(parts: list[str]) -> None:
    """In front of them stands a name of ours, so that a key is never empty."""
    key = artifacts.key("run", *parts)
    assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", key)
    assert len(key) <= artifacts.KEY_CHARACTERS
    assert artifacts.key(key) == key
