"""The rules of the rooms, held by reading the code and by looking at a process and a wheel."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("cli", "flows", "tasks", "storage")  # each may import itself and those after it
DATA_FILES = {".css", ".html", ".json", ".sql", ".mako", ".typed", ".yaml"}

# What the commands that an agent waits for must not import.
HEAVY = {
    "alembic",
    "asyncio",
    "dataclasses",
    "git",
    "click",
    "fastapi",
    "importlib.metadata",
    "inspect",
    "logging",
    "numpy",
    "openai",
    "platformdirs",
    "prefect",
    "pydantic",
    "rich",
    "sqlalchemy",
    "sqlmodel",
    "typer",
    "yaml",
}


def sources() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def test_imports_go_one_way() -> None:
    """That is cli → flows → tasks → storage, and storage imports nothing else of ours."""
    wrong = []
    for path in sources():
        room = path.relative_to(ROOT).parts[0]
        allowed = ROOMS[ROOMS.index(room) :]
        for module in _imported(path):
            first, _, rest = module.partition(".")
            ours = first == "slipstream" and rest.partition(".")[0] in allowed
            if first in ROOMS or (first == "slipstream" and not ours):
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert wrong == []


def test_prefect_is_imported_by_flows_and_their_task_wrappers_alone() -> None:
    """What an agent waits for never pays the 1.7 s of importing Prefect."""
    importing = {
        path.relative_to(ROOT).parts[0]
        for path in sources()
        if any(module.partition(".")[0] == "prefect" for module in _imported(path))
    }
    assert importing <= {"flows"}


def test_every_folder_with_code_is_a_listed_package() -> None:
    """An unlisted one imports in an editable install and is missing from the wheel."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.parent.relative_to(ROOT) for path in sources()}
    assert sorted(listed) == sorted("slipstream." + ".".join(f.parts) for f in folders)
    assert [f for f in folders if not (ROOT / f / "__init__.py").exists()] == []


def test_the_wheel_holds_every_file_of_the_rooms(tmp_path: Path) -> None:
    """Code and data files, and nothing else."""
    copy = tmp_path / "source"
    copy.mkdir()
    for name in (*ROOMS, "pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, copy / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, copy)
    expected = {
        f"slipstream/{path.relative_to(copy).as_posix()}"
        for room in ROOMS
        for path in (copy / room).rglob("*")
        if path.suffix in {".py"} | DATA_FILES
    }
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", tmp_path, copy], check=True, env=_plain_environment())
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        packed = {n for n in wheel.namelist() if n.startswith("slipstream/")}
    assert packed == expected


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository, and a data folder in which patterns are compiled and the index is made."""
    folder = tmp_path_factory.mktemp("used")
    (folder / "fine.py").write_text("def fine(): pass\n")
    (folder / "build.log").write_text("main.c:1:2: error: expected ';'\n")
    slip = [sys.executable, "-m", "slipstream.cli"]
    environment = _plain_environment() | {"SLIPSTREAM_HOME": str(folder / "home")}
    for command in (
        ["git", "init", "-q"],
        ["git", "add", "fine.py"],
        [*slip, "summarize", "build.log"],
        [*slip, "search", "fine"],
    ):
        subprocess.run(command, check=True, capture_output=True, env=environment, cwd=folder)
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--", sys.executable, "-c", "print('fine')"],
        ["summarize", "build.log"],
        ["log", "last"],
        ["search", "fine"],
        ["search", "-E", "def f.*"],
        ["symbols", "fine.py"],
        ["map"],
        ["cache", "stats"],
    ],
    ids=lambda a: " ".join(a[:2]),
)
def test_what_an_agent_waits_for_imports_nothing_heavy(arguments: list[str], used: Path) -> None:
    """Neither at import nor while it runs, the second time (the first one compiles patterns)."""
    program = (
        "import sys\nbefore = set(sys.modules)\n"
        "from slipstream.cli.main import main\n"
        f"status = main({arguments!r})\n"
        f"heavy = {HEAVY!r} & (set(sys.modules) - before)\n"
        "print('heavy:', *sorted(heavy), file=sys.stderr)\n"
        "raise SystemExit(status)"
    )
    environment = _plain_environment() | {"SLIPSTREAM_HOME": str(used / "home")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        cwd=used,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "heavy:"


def _imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, in functions too; what only types need is left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            if module == "slipstream":
                yield from (f"slipstream.{alias.name}" for alias in node.names)
            else:
                yield module


def _plain_environment() -> dict[str, str]:
    """The environment without what makes coverage follow: it imports much itself."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COV")}
