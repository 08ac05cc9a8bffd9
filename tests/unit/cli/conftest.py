"""A small repository to search in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

FILES = {
    "shop/cart.py": '''\
"""The cart."""


class Cart:
    """What somebody wants to buy."""

    def add_item(self, item):
        """Put an item into the cart."""
        self.items.append(item)


def parse_header(line):
    """Split a header into its name and its value."""
    name, _, value = line.partition(":")
    return name, value
''',
    "shop/prices.py": '''\
"""Prices with tax."""

RATE = 0.19


def total(items):
    return sum(item * (1 + RATE) for item in items)
''',
    "web/cart.js": "export function addItem(cart, item) {\n  cart.items.push(item);\n}\n",
    "README.md": "# Shop\n\nA cart and its prices.\n\n## Prices\n\nWith tax.\n",
}


def git(folder: Path, *arguments: str) -> str:
    """Run git; give what it prints."""
    settings = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *settings, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def make_project(folder: Path) -> Path:
    """A repository with one commit."""
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "First")
    return folder


@pytest.fixture
def project(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a data folder of its own."""
    folder = make_project(tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder
