"""docs/acceptance.md names what shows each criterion; all that it names is there."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import typer

from slipstream.cli.main import build_app
from tests.commands import missing

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "acceptance.md"
ROW = re.compile(r"\| AC-E11-(\d\d): (.+?) \| `(.+?)` \| (.+?) \| (.*) \|")


def rows() -> list[tuple[str, str, str, list[str], list[str]]]:
    """Number, title, command, what holds it, pages."""
    found = [m.groups() for line in PAGE.read_text("utf-8").splitlines() if (m := ROW.match(line))]
    return [
        (number, title, command, re.findall("`(.+?)`", held), re.findall(r"\((.+?)\)", pages))
        for number, title, command, held, pages in found
    ]


def test_every_criterion_is_there_once_and_is_held_by_something() -> None:
    """Sixty of them, in their order."""
    assert [number for number, *_ in rows()] == [f"{n:02}" for n in range(1, 61)]
    assert all(held for *_, held, _ in rows())


def test_every_test_and_file_that_is_named_exists() -> None:
    """With the function, where one is named."""
    missing = []
    for _, _, _, held, pages in rows():
        for name in [*held, *(f"docs/{page.partition(chr(35))[0]}" for page in pages)]:
            path, _, function = name.partition("::")
            if not (ROOT / path).exists() or (function and function not in functions(path)):
                missing.append(name)
    assert not missing


def functions(path: str) -> set[str]:
    """The names of all tests of a file."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


def test_every_command_that_is_named_exists_with_its_options() -> None:
    """Targets of the Makefile and scripts too."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    slip = typer.main.get_command(build_app())
    wrong = []
    for _, _, command, _, _ in rows():
        program, *arguments = shlex.split(command)
        if program == "make":
            known = arguments[0] in targets
        elif program == "python":
            known = (ROOT / arguments[0]).is_file()
        else:
            known = program == "slip" and not missing(slip, arguments)
        if not known:
            wrong.append(command)
    assert not wrong
