"""docs/troubleshooting.md has each message that `slip doctor` can print."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from slipstream.cli import doctor

PAGE = Path(__file__).parents[3] / "docs" / "troubleshooting.md"
SHORTEST = 7
"""Characters of a text between two values that tell which message it is."""


def texts(node: ast.AST) -> Iterator[str]:
    """The parts of a message that do not change."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            text = part.value.strip(" ;:,()→")
            if len(text) >= SHORTEST:
                yield text


def messages() -> Iterator[str]:
    """What each check that is not ok can say, and how it is to be mended."""
    for node in ast.walk(ast.parse(Path(doctor.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "mend":
            yield from texts(node.value)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Check":
            result, *said = node.args[1:]
            if isinstance(result, ast.Constant) and result.value != "ok":
                for part in said:
                    yield from texts(part)


def test_every_message_of_doctor_is_on_the_page() -> None:
    """A message that is new or changed wants a row."""
    page = PAGE.read_text(encoding="utf-8")
    found = set(messages())
    assert len(found) > len(doctor.CHECKS)
    assert sorted(text for text in found if text not in page) == []


def test_every_check_of_doctor_is_on_the_page() -> None:
    """By its name."""
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in doctor.CHECKS if f"| {name} |" not in page] == []
