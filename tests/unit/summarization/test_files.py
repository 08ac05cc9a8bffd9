"""Finding logs by path, and dividing a session's bytes among them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from slipstream.storage.errors import NotFoundError, SlipError, UsageError
from slipstream.tasks.summarization.files import (
    LEAST,
    check_type,
    find_logs,
    heading,
    share_of_session,
    summarise_file,
    within_session,
)

SESSION = 102_400


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A folder with logs on two levels, hidden ones among them."""
    for name in ("b.log", "a.log", "deep/c.txt", ".hidden.log", ".git/d.log", "deep/.x/e.log"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return tmp_path


def names(found: list[Path], below: Path) -> list[str]:
    return [path.relative_to(below).as_posix() for path in found]


def test_a_folder_stands_for_all_logs_below_it_that_are_not_hidden(logs: Path) -> None:
    """In order of their paths."""
    assert names(find_logs([str(logs)]), logs) == ["a.log", "b.log", "deep/c.txt"]


def test_globs_and_files_are_found_once_each(logs: Path) -> None:
    """In the order in which they are named."""
    paths = [str(logs / "b.log"), str(logs / "**" / "*.log"), str(logs / "deep")]
    assert names(find_logs(paths), logs) == ["b.log", "a.log", "deep/c.txt"]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path: Path) -> None:
    """It exists, so it is meant."""
    file = tmp_path / "test[1].log"
    file.write_text("")
    assert find_logs([str(file)]) == [file]


@pytest.mark.parametrize("name", ["none.log", "*.none", "empty"])
def test_a_path_that_names_no_log_is_said(name: str, tmp_path: Path) -> None:
    """A missing file, a glob without matches, an empty folder."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match="There is no log at"):
        find_logs([str(tmp_path / name)])


def test_few_logs_get_what_a_single_one_gets() -> None:
    """Nothing is narrowed before it has to be."""
    assert share_of_session(["a"] * 9, "summary", None) is None
    assert share_of_session(["a"] * 9, "summary", 3_000) == 3_000


@pytest.mark.parametrize("count", [10, 40, 95])
def test_many_logs_share_a_sessions_bytes(count: int) -> None:
    """With the lines above them."""
    files = [f"logs/{n:04}.log" for n in range(count)]
    share = share_of_session(files, "summary", None)
    assert share is not None
    total = sum(share + len(heading(file)) + 2 for file in files)
    assert SESSION - count <= total <= SESSION


def test_no_summary_gets_less_than_the_least() -> None:
    """However many there are."""
    assert share_of_session(["a"] * 5_000, "llm", None) == LEAST


def result(number: int, failed: bool | None, size: int) -> dict[str, Any]:
    return {"file": f"{number}.log", "failed": failed, "text": "x" * size}


def test_summaries_that_fit_are_all_shown_in_order() -> None:
    """Each below a line with its file; one that failed with its reason."""
    results = [result(1, False, 10), {"file": "2.log", "error": "broken."}]
    assert within_session(results) == f"== 1.log\n{'x' * 10}\n== 2.log\nbroken.\n"


def test_of_too_many_summaries_the_failures_are_shown_first() -> None:
    """The others are counted, with the command that lists them; the limit holds."""
    results = [result(n, n % 10 == 0, 1_024) for n in range(400)]
    text = within_session(results)
    assert len(text.encode()) <= SESSION
    assert all(f"== {n}.log\n" in text for n in range(0, 400, 10))
    shown = text.count(".log\n")
    assert text.splitlines()[-1] == (
        f"== {400 - shown} more summaries, 0 of them of failures, are kept: "
        "slip summary list --limit 400, slip summary show ID"
    )


def test_a_file_that_cannot_be_read_is_said_in_a_sentence(tmp_path: Path) -> None:
    """What will not pass is no OSError, which would be tried again."""
    with pytest.raises(NotFoundError):
        summarise_file(str(tmp_path / "none"))
    with pytest.raises(SlipError, match="cannot be read"):
        summarise_file(str(tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="a file that opens and cannot be read")
def test_a_failure_that_may_pass_is_left_as_it_is(home: Path) -> None:
    """Whoever calls decides whether to try again."""
    with pytest.raises(OSError, match=os.strerror(5)):
        summarise_file("/proc/self/mem")


def test_a_type_that_does_not_exist_is_refused() -> None:
    """None at all stands for any."""
    check_type("")
    check_type("pytest")
    with pytest.raises(UsageError, match="Did you mean"):
        check_type("pytst")
