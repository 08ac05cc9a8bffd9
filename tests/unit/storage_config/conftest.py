"""Configuration files of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[[str], Path]


@pytest.fixture
def user_file(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the user's file."""
    path = tmp_path / "user" / "config.yaml"

    def write(text: str) -> Path:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        monkeypatch.setenv("SLIPSTREAM_CONFIG", str(path))
        return path

    return write


@pytest.fixture
def repository_file(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes `.slipstream.yaml` at the root of a repository, and goes to a folder within."""
    root = tmp_path / "repository"
    (root / ".git").mkdir(parents=True)
    (root / "src" / "deep").mkdir(parents=True)
    monkeypatch.chdir(root / "src" / "deep")

    def write(text: str) -> Path:
        path = root / ".slipstream.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
