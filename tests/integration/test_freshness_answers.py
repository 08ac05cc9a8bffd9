"""Answers that are kept are those of the state that they are kept under."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import scratch_git as scratch

from slipstream.storage.cache import CacheStore, open_cache
from slipstream.tasks.indexing import query
from slipstream.tasks.indexing.query import Question
from slipstream.tasks.indexing.snapshot import Source, open_source


@pytest.fixture
def store(home: Path) -> Iterator[CacheStore]:
    with open_cache(home) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = scratch.init(tmp_path / "work")
    scratch.commit(made, a_py="def alpha():\n    pass\n", b_py="alpha()\n")
    return made


def found(source: Source, store: CacheStore) -> list[str]:
    answer = query.ask(source, Question("alpha", mode="text"), store)
    return sorted({hit.path for hit in answer.hits})


def test_what_git_was_told_to_overlook_in_one_worktree_is_not_missing_in_another(
    folder: Path, store: CacheStore, tmp_path: Path
) -> None:
    scratch.git(folder, "worktree", "add", "-q", "--detach", str(tmp_path / "second"))
    scratch.git(folder, "update-index", "--assume-unchanged", "b.py")
    scratch.write(folder, b_py="nothing\n")
    for place in (folder, tmp_path / "second"):
        assert found(open_source(str(place)), store) == ["a.py", "b.py"]


class Restless(Source):
    """A worktree in which a file is edited after the index was made, and before it is searched."""

    def read(
        self, pairs: Iterable[tuple[str, str]], limit: int | None = None
    ) -> Iterator[tuple[str, str, bytes | None]]:
        if limit is None:
            scratch.write(Path(self.root), b_py="nothing\n")
        return super().read(pairs, limit)


@pytest.mark.parametrize("committed", [True, False])
def test_an_edit_while_searching_does_not_spoil_the_answer_for_later(
    folder: Path, store: CacheStore, committed: bool
) -> None:
    if not committed:
        scratch.write(folder, b_py="alpha() + alpha()\n")
    before = (folder / "b.py").read_text()
    opened = open_source(str(folder))
    found(Restless(opened.root, opened._git, None, 0.1), store)
    scratch.write(folder, b_py=before)
    assert found(open_source(str(folder)), store) == ["a.py", "b.py"]
