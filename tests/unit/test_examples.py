"""docs/examples.md can be followed as it stands: its quick blocks are run, its options exist."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import typer

from slipstream.cli.main import build_app
from tests.commands import missing

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(
    r"^```sh(?P<tested> tested(?: exit=(?P<exit>\d+))?)?\n(?P<text>.*?)^```$", re.M | re.S
)
HEADING = re.compile(r"^## (.+)$", re.M)


class Example(NamedTuple):
    """A block of the page.

    Attributes:
        name: The heading above it, and its number below that.
        exit: The status that its last command ends with; None: it is not run.
    """

    name: str
    text: str
    exit: int | None


def examples(page: str = "examples.md") -> Iterator[Example]:
    """All blocks of a page, in order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    headings = list(HEADING.finditer(text))
    for number, block in enumerate(BLOCK.finditer(text)):
        above = [heading[1] for heading in headings if heading.start() < block.start()]
        status = int(block["exit"] or 0) if block["tested"] else None
        yield Example(f"{number} {above[-1] if above else ''}", block["text"], status)


TESTED = [example for example in examples() if example.exit is not None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder in which all blocks are run in turn, with `slip` and a data folder."""
    made = tmp_path_factory.mktemp("examples")
    (made / "bin").mkdir()
    for name, command in {"slip": "-m slipstream.cli", "python": ""}.items():
        script = made / "bin" / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {command} "$@"\n')
        script.chmod(0o755)
    (made / "work").mkdir()
    return made


@pytest.mark.xdist_group("examples")
@pytest.mark.skipif(sys.platform == "win32", reason="they are written for a shell of POSIX's")
@pytest.mark.parametrize("example", TESTED, ids=[example.name for example in TESTED])
def test_an_example_works(example: Example, folder: Path, unmeasured: None) -> None:
    """It ends with the status that it says, where the blocks before it were followed."""
    environment = os.environ | {
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "SLIPSTREAM_HOME": str(folder / "home"),
        "SLIPSTREAM_CONFIG": str(folder / "config.yaml"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        ["sh", "-e", "-c", example.text],
        cwd=folder / "work",
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == example.exit, done.stdout + done.stderr
    assert "Traceback (most recent call last)" not in done.stderr


@pytest.mark.parametrize("page", ["examples.md", "operations.md"])
def test_every_command_of_a_page_exists_with_its_options(page: str) -> None:
    """Those that are not run, too."""
    slip = typer.main.get_command(build_app())
    lines = [line for example in examples(page) for line in example.text.splitlines()]
    found = [line for line in lines if line.startswith("slip ")]
    assert found
    wrong = [line for line in found if missing(slip, shlex.split(line, comments=True)[1:])]
    assert not wrong
