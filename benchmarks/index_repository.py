"""A repository of some thousands of real files with a history, made anew for a benchmark."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable
from pathlib import Path

SDIST = "django==5.2.7"
"""Sources of about 4,000 files without the translations, from the package index."""
COMMITS = 100
SEED = 7
LEFT_OUT = frozenset(("locale", "__pycache__", ".git"))
_GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "bench",
    "GIT_AUTHOR_EMAIL": "bench@example.org",
    "GIT_COMMITTER_NAME": "bench",
    "GIT_COMMITTER_EMAIL": "bench@example.org",
}


def git(folder: Path, *arguments: str) -> str:
    """What git prints."""
    command = ["git", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | _GIT, check=True, capture_output=True
    )
    return os.fsdecode(done.stdout).strip()


def make(folder: Path, offline: bool) -> str:
    """Make the repository, unless it is there from an earlier run.

    Returns:
        What it was made of.
    """
    note = folder.parent / f"{folder.name}.txt"
    if note.exists():
        git(folder, "checkout", "-q", "-f", "main")
        return note.read_text()
    shutil.rmtree(folder, ignore_errors=True)
    source, told = _site_packages(), "the installed packages of this Python"
    if not offline and (unpacked := _download(folder.parent / "sdist")):
        source, told = unpacked, SDIST
    _copy(source, folder)
    git(folder, "init", "-q", "-b", "main")
    _commit(folder, "everything")
    chance = random.Random(SEED)
    for number in range(1, COMMITS):
        edit(folder, chance.sample(tracked(folder), chance.randint(1, 20)), f"commit {number}")
        _commit(folder, f"change {number}")
    note.write_text(told)
    return told


def tracked(folder: Path) -> list[str]:
    """Python files, which an edit can be made to."""
    return [path for path in git(folder, "ls-files", "*.py").splitlines() if '"' not in path]


def edit(folder: Path, paths: Iterable[str], mark: str) -> None:
    """Add a function to each of some files."""
    name = "_".join(mark.split())
    for number, path in enumerate(paths):
        text = (folder / path).read_text("utf-8", "surrogateescape")
        text += (
            f'\n\ndef added_by_{name}_{number}():\n    """Return what {mark} is."""\n    return 1\n'
        )
        (folder / path).write_text(text, "utf-8", "surrogateescape")


def commit(folder: Path, count: int, mark: str) -> None:
    """Commit edits of so many files."""
    edit(folder, random.Random(mark).sample(tracked(folder), count), mark)
    _commit(folder, mark)


def _commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)


def _download(folder: Path) -> Path | None:
    folder.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
    done = subprocess.run([*pip, "-d", str(folder), SDIST], capture_output=True)
    archives = list(folder.glob("*.tar.gz"))
    if done.returncode or not archives:
        return None
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    return next((folder / "unpacked").iterdir())


def _site_packages() -> Path:
    return Path(sysconfig.get_paths()["purelib"])


def _copy(source: Path, folder: Path) -> None:
    def ignored(_: str, names: list[str]) -> set[str]:
        return set(LEFT_OUT.intersection(names))

    # Not named site-packages, which would be passed over as what others wrote.
    shutil.copytree(source, folder, ignore=ignored, symlinks=False)
