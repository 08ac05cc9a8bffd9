"""The generated pages are what the code says now, and their example works."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from slipstream.storage.config.resolve import resolve
from slipstream.storage.config.sources import Source, Sources

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """docs/generate.py."""
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["cli", "configuration", "summarization"])
def test_a_page_is_what_make_docs_writes(
    name: str, generate: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run `make docs` and commit the result."""
    monkeypatch.setenv("COLUMNS", "70")  # the width of a terminal must not matter
    expected = getattr(generate, f"{name}_markdown")()
    assert (DOCS / f"{name}.md").read_text(encoding="utf-8") == expected


def test_published_schemas_are_what_make_docs_writes(generate: ModuleType) -> None:
    """Run `make docs` and commit the result."""
    for name in generate.SCHEMAS:
        found = (DOCS / f"{name}.schema.json").read_text(encoding="utf-8")
        assert found == generate.schema_of(name), name


def test_the_example_of_the_configuration_works(generate: ModuleType) -> None:
    """Without a mistake, its pattern included."""
    resolved = resolve(Sources((Source("c.yaml", generate.EXAMPLE.encode(), True),), ()))
    assert resolved.problems == ()
    assert resolved.config.summary.max_bytes == 16 * 1024
    assert len(resolved.config.patterns) == 1
