"""What a person is shown of application logs, of real git's output, of diffs and plain output."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Slip = Callable[..., subprocess.CompletedProcess[str]]
Show = Callable[..., str]

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for all: the rules are compiled once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def show(slip: Slip, home: Path, monkeypatch: pytest.MonkeyPatch) -> Show:
    """The summary that `slip` prints."""
    monkeypatch.setenv("SLIPSTREAM_HOME", str(home))
    for name, value in (
        ("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "Ada"), ("GIT_AUTHOR_EMAIL", "ada@example.org"),
        ("GIT_COMMITTER_NAME", "Ada"), ("GIT_COMMITTER_EMAIL", "ada@example.org"),
        ("LC_ALL", "C"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)

    def run(*arguments: str, cwd: Path | None = None, text: str | None = None) -> str:
        return slip(*arguments, cwd=cwd, input=text).stdout

    return run


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, show: Show) -> Path:
    """A repository with a remote, three commits, and changes that are staged and not staged."""
    folder = tmp_path / "work"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "remote.git")
    git(tmp_path, "init", "-q", "-b", "main", "work")
    git(folder, "remote", "add", "origin", "../remote.git")
    (folder / "notes.txt").write_text("".join(f"line {n}\n" for n in range(1, 61)))
    (folder / "gone.txt").write_text("old\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Begin the notes")
    for n in (1, 2):
        with (folder / "notes.txt").open("a") as file:
            file.write(f"more {n}\n")
        git(folder, "commit", "-qam", f"Add note {n}")
    git(folder, "push", "-q", "origin", "main")
    text = (folder / "notes.txt").read_text()
    (folder / "notes.txt").write_text(text.replace("line 5\n", "five\n").replace("line 50\n", ""))
    (folder / "gone.txt").unlink()
    (folder / "fresh.txt").write_text("fresh\n")
    (folder / "staged.txt").write_text("staged\n")
    git(folder, "add", "staged.txt")
    return folder


def head(summary: str) -> list[str]:
    """The lines above the first section."""
    return summary.partition("\n\n")[0].split("\n")


@needs_git
def test_status_counts_and_names_the_files(repository: Path, show: Show) -> None:
    summary = show("run", "--", "git", "status", cwd=repository)
    assert head(summary) == [
        "# passed: git, exit status 0",
        "git: 1 staged, 2 not staged, 1 untracked",
    ]
    for file in ("new file:   staged", "deleted:    gone", "modified:   notes", "fresh"):
        assert f"{file}.txt\n" in summary
    short = show("run", "--", "git", "status", "--short", cwd=repository)
    assert head(short)[1] == "git: 1 staged, 2 not staged, 1 untracked"


@needs_git
def test_a_diff_is_shown_by_file_with_its_hunks(repository: Path, show: Show) -> None:
    summary = show("run", "--", "git", "diff", cwd=repository)
    assert head(summary)[1] == "diff: 2 files, 1 added, 3 deleted"
    assert ": gone.txt: +0 -1\n" in summary
    assert ": notes.txt: +1 -2 in 2 hunks\n" in summary
    for line in ("@@ -2,7 +2,7 @@ line 1", " line 4", "-line 5", "+five", "-line 50", " line 51"):
        assert f"\n{line}\n" in summary
    stat = show("run", "--", "git", "diff", "--stat", cwd=repository)
    assert head(stat)[1] == "git: 2 files, 1 added, 3 deleted"
    assert " notes.txt | 3 +--" in stat


@needs_git
def test_a_diff_that_does_not_fit_lists_every_file(repository: Path, show: Show) -> None:
    for n in range(40):
        (repository / f"part{n:02}.txt").write_text(f"error: {n}: broken\n" * (40 + n))
    git(repository, "add", ".")
    summary = show("run", "--", "git", "diff", "--cached", cwd=repository)
    assert head(summary) == [
        "# passed: diff → git, exit status 0",
        f"diff: 44 files, {sum(range(40, 80)) + 3} added, 3 deleted",
    ]
    assert "## Changed files (44)" in summary
    assert all(f"- part{n:02}.txt: +{40 + n} -0\n" in summary for n in range(40))
    assert "## Errors" not in summary
    assert len(summary.encode()) <= 10_240


@needs_git
def test_a_log_counts_commits_and_what_they_change(repository: Path, show: Show) -> None:
    summary = show("run", "--", "git", "log", cwd=repository)
    assert head(summary)[1] == "git: 3 commits, 1 author"
    for subject in ("Begin the notes", "Add note 1", "Add note 2"):
        assert f"    {subject}\n" in summary
    stat = show("run", "--", "git", "log", "--stat", cwd=repository)
    assert head(stat)[1] == "git: 3 commits, 1 author, 4 files, 63 added, 0 deleted"
    patch = show("run", "--", "git", "log", "-p", "-2", cwd=repository)
    assert head(patch)[1] == "git: 2 commits, 1 author, 2 files, 2 added, 0 deleted"
    one = show("run", "--", "git", "show", cwd=repository)
    assert head(one)[1:] == ["git: 1 commit, 1 author", "diff: 1 file, 1 added, 0 deleted"]
    assert "+more 2" in one
    lines = show("run", "--", "git", "log", "--oneline", cwd=repository)
    assert head(lines)[1] == "git: 3 commits"


@needs_git
def test_a_conflict_is_named_with_its_file(repository: Path, show: Show) -> None:
    git(repository, "stash", "-q")
    git(repository, "checkout", "-q", "-b", "topic", "HEAD~1")
    with (repository / "notes.txt").open("a") as file:
        file.write("the topic's\n")
    git(repository, "commit", "-qam", "Add the topic's note")
    summary = show("run", "--", "git", "merge", "main", cwd=repository)
    assert head(summary)[0] == "# FAILED: git, exit status 1"
    assert "root cause, line 2: CONFLICT (content): Merge conflict in notes.txt" in summary
    assert "Automatic merge failed; fix conflicts" in summary
    status = show("run", "--", "git", "status", cwd=repository)
    assert "1 unmerged" in head(status)[1]
    assert "both modified:   notes.txt" in status
    commit = show("run", "--", "git", "commit", "-m", "x", cwd=repository)
    assert "error: Committing is not possible because you have unmerged files." in commit
    git(repository, "merge", "--abort")
    assert "CONFLICT" in show("run", "--", "git", "rebase", "main", cwd=repository)
    status = show("run", "--", "git", "status", cwd=repository)
    assert "interactive rebase in progress" in status
    assert "1 unmerged" in head(status)[1]


@needs_git
def test_a_rejected_push_says_why(repository: Path, show: Show) -> None:
    other = repository.parent / "other"
    git(repository.parent, "clone", "-q", "remote.git", "other")
    git(other, "commit", "-q", "--allow-empty", "-m", "Be first")
    git(other, "push", "-q")
    git(repository, "commit", "-qm", "Be second")
    summary = show("run", "--", "git", "push", "origin", "main", cwd=repository)
    assert head(summary) == ["# FAILED: git, exit status 1", "git: push rejected"]
    assert " ! [rejected]        main -> main (fetch first)" in summary
    assert "hint: Updates were rejected" in summary


@needs_git
def test_the_diff_of_files_outside_of_git_is_read_too(tmp_path: Path, show: Show) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\nthree\n")
    (tmp_path / "b.txt").write_text("one\n2\nthree\n")
    summary = show("run", "--", "diff", "-u", "a.txt", "b.txt", cwd=tmp_path)
    assert head(summary)[1] == "diff: 1 file, 1 added, 1 deleted"
    assert "-two\n+2\n" in summary


def service(entries: int) -> str:
    """The log of a service: a timeout in each 100th entry, a warning in each 20th."""
    lines = []
    for n in range(entries):
        time = f"2024-05-01 {10 + n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}"
        if n % 100 == 50:
            lines.append(f"{time} ERROR [w-{n % 8}] db - connection to 10.0.0.{n % 200} timed out")
        elif n % 20 == 0:
            lines.append(f"{time} WARN [w-{n % 8}] pool - pool is at {n % 100} %")
        else:
            lines.append(f"{time} INFO [w-{n % 8}] http - GET /items/{n} 200 {n % 90} ms")
    return "".join(f"{line}\n" for line in lines)


def test_a_log_shows_its_levels_its_times_and_each_template_once(show: Show) -> None:
    summary = show("summarize", "-", text=service(3000))
    assert head(summary) == [
        "# 30 errors logged: log",
        "log: 30 errors, 150 warnings, 2,820 info; 2024-05-01 10:00:00 to 10:49:59",
    ]
    assert "## Errors (1 different, 30 in all)" in summary
    assert "line 51 (×30, last line 2951 at 10:49:10): 2024-05-01 10:00:50 ERROR" in summary
    assert "line 1 (×150, last line 2981 at 10:49:40): 2024-05-01 10:00:00 WARN" in summary
    times = "2024-05-01 10:00:01 to 10:49:59"
    assert f"- ×2820, lines 2-3000, {times}: INFO [w-<n>] http - GET <path> <n> <n> ms" in summary


def test_the_places_of_what_is_repeated_stay_in_the_json(show: Show) -> None:
    data = json.loads(show("summarize", "--json", "-", text=service(3000)))
    (error,) = [f for f in data["findings"] if f["severity"] == "error"]
    lines = [error["span"][0], *(place["log_line"] for place in error["places"])]
    assert lines == list(range(51, 3000, 100))
    assert data["type"] == "log"
    assert data["counts"]["error"] == 30
    assert dict(data["tallies"][-1]["counts"]) == {"error": 30, "warning": 150, "info": 2820}


def test_a_program_that_ended_well_is_not_called_passed_without_its_errors(show: Show) -> None:
    code = "import sys; sys.stdout.write(sys.stdin.read())"
    summary = show("run", "--", sys.executable, "-c", code, text=service(300))
    assert head(summary)[0].startswith("# passed, 3 errors logged: log")
    calm = show("summarize", "--exit-code", "0", "-", text=service(50))
    assert head(calm) == [
        "# passed: log, exit status 0",
        "log: 3 warnings, 47 info; 2024-05-01 10:00:00 to 10:00:49",
    ]


def test_of_a_large_log_errors_are_counted_and_the_rest_is_other_lines(show: Show) -> None:
    """Above what is kept whole, and although far more lines match than are read one by one."""
    entries = 80_000
    summary = show("summarize", "--exit-code", "1", "-", text=service(entries))
    assert "log: 800 errors, 4,000 warnings, 75,200 other lines; 2024-05-01 10:00:00 to" in summary
    flood = "".join(
        f"10:00:{n % 60:02} ERROR [w-{n % 9}] db - connection {n} timed out\n"
        for n in range(90_000)
    )
    summary = show("summarize", "-", text=flood)
    assert head(summary)[0] == "# 90000 errors logged: log"
    assert "(×90000, last line 90000 at 10:00:59)" in summary


def test_output_that_fits_is_shown_whole(tmp_path: Path, show: Show) -> None:
    text = "alpha\n\n  beta\n" + "".join(f"row {n}\n" for n in range(600)) + "omega\n"
    (tmp_path / "small.txt").write_text(text)
    summary = show("run", "--", "cat", "small.txt", cwd=tmp_path)
    assert head(summary) == ["# passed: cat, exit status 0"]
    assert f"```\n{text}```\n" in summary


def test_output_that_does_not_fit_shows_its_two_ends_and_how_to_read_the_rest(show: Show) -> None:
    code = "for n in range(1, 100001): print(n)"
    summary = show("run", "--", sys.executable, "-c", code)
    body = summary.split("```\n")[1].split("\n")[:-1]
    at = next(i for i, line in enumerate(body) if line.startswith("… "))
    found = re.fullmatch(r"… (\d+) lines: slip log ([0-9a-f]{12}) --lines (\d+):(\d+)", body[at])
    assert found
    count, log, first, last = found.groups()
    assert body[:at] == [str(n) for n in range(1, int(first))]
    assert body[at + 1 :] == [str(n) for n in range(int(last) + 1, 100_001)]
    assert int(count) == int(last) - int(first) + 1
    assert show("log", log, "--lines", f"{first}:{last}").split() == [
        str(n) for n in range(int(first), int(last) + 1)
    ]
    assert len(summary.encode()) > 9_000
