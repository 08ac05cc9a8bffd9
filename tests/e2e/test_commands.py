"""`slip summarize`, `log`, `summary` and `types` as processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Slip
from tests.e2e.conftest import SLIP, footer, stored

pytestmark = pytest.mark.usefixtures("home")
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
LOG = "".join(f"step {n}\n" for n in range(1, 101)).replace(
    "step 60\n", "main.c:12:5: error: expected ';' before 'return'\n"
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with one error in its line 60."""
    file = tmp_path / "build.log"
    file.write_bytes(LOG.encode())
    return file


def test_a_file_and_standard_input_have_the_same_summary(log: Path, slip: Slip) -> None:
    """Exit status 0, whatever the log says."""
    of_file = slip("summarize", str(log))
    of_input = slip("summarize", "-", input=LOG)
    assert (of_file.returncode, of_file.stderr) == (0, "")
    assert "main.c:12:5: error: expected ';' before 'return'" in of_file.stdout
    assert of_input.stdout == of_file.stdout


def test_the_exit_status_and_the_command_are_told_to_it(slip: Slip) -> None:
    """They decide whether it failed, and as what it is read."""
    done = slip("summarize", "-", "--exit-code", "2", "--command", "make -j2", input="all fine\n")
    assert done.stdout.startswith("# FAILED: make, exit status 2\n")
    done = slip("summarize", "-", "--exit-code", "0", input="error: 0 of 3\n")
    assert done.stdout.startswith("# passed")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["no-such-file"], 4, "There is no file 'no-such-file'."),
        (["."], 1, "is a folder; name a file, or use `slip summarize --flow .`"),
        ([], 2, "FILE"),
        (["a", "b"], 2, "`slip summarize --flow PATH...` takes several"),
        (["-", "--profile", "x"], 2, "it is one of summary, cli, llm"),
        (["-", "--type", "pytst"], 2, "Did you mean pytest"),
        (["-", "--flow"], 2, "not standard input"),
        (["no-such-file", "--flow"], 4, "There is no log at 'no-such-file'."),
    ],
)
def test_what_cannot_be_summarised_is_one_sentence(
    arguments: list[str], status: int, said: str, slip: Slip
) -> None:
    """With the documented exit status."""
    done = slip("summarize", *arguments, input="")
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_limits_of_profiles_hold(slip: Slip) -> None:
    """8 KiB for `llm`, 20 KiB for `cli`, 10 KiB otherwise, and what is asked for."""
    errors = "".join(f"a{n}.c:{n}:1: error: mistake {n} {'x' * 300}\n" for n in range(500))
    sizes = []
    for options in (["--profile", "llm"], [], ["--profile", "cli"], ["--max-bytes", "1024"]):
        done = slip("summarize", "-", *options, input=errors)
        sizes.append(len(done.stdout.encode()) - 1)
    assert 4_000 < sizes[0] <= 8_192 < sizes[1] <= 10_240 < sizes[2] <= 20_480
    assert sizes[3] <= 1_024


def test_parts_of_a_log_are_read_again(log: Path, slip: Slip, tmp_path: Path) -> None:
    """By lines, from its ends, by search, into a file; by id, by a prefix, as the last."""
    last = footer(slip("summarize", str(log)).stdout)
    lines = LOG.splitlines(keepends=True)
    assert stored(last.log) == stored(last.log[:4]) == stored("last") == LOG.encode()
    assert stored(last.log, "--lines", "59:61").decode() == "".join(lines[58:61])
    assert stored(last.log, "--lines", "60").decode() == lines[59]
    assert stored(last.log, "--lines", "99:").decode() == "".join(lines[98:])
    assert stored(last.log, "--lines", ":2").decode() == "".join(lines[:2])
    assert stored(last.log, "--lines", "500:600") == b""
    assert stored(last.log, "--head", "3").decode() == "".join(lines[:3])
    assert stored(last.log, "--tail", "3").decode() == "".join(lines[-3:])
    assert stored(last.log, "--tail", "0") == b""
    assert stored(last.log, "--grep", "error", "-C", "1").decode() == (
        f"59-step 59\n60:{lines[59]}61-step 61\n"
    )
    copy = tmp_path / "copy"
    assert stored(last.log, "--output", str(copy)) == b""
    assert copy.read_text() == LOG


def test_the_markers_of_a_summary_name_lines_that_can_be_read(slip: Slip) -> None:
    """What a marker says is left out is what `slip log ID --lines A:B` gives."""
    lines = "".join(
        f"{n}: compiling part {n}\n" + f"error: broken at {n}\n" * (n % 50 == 0) for n in range(400)
    )
    text = slip("summarize", "-", "--max-bytes", "2048", "--exit-code", "1", input=lines).stdout
    markers = re.findall(r"^… ([\d,]+) .*?(\d+:\d+)", text, re.MULTILINE)
    assert markers
    for count, place in markers:
        left_out = stored("last", "--lines", place).decode()
        assert len(left_out.splitlines()) == int(count.replace(",", ""))
        assert left_out not in text.partition("## Other lines")[2]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["log", "last"], 4),
        (["log", "abc"], 4),
        (["log", "xyz"], 4),
        (["log", "last", "--lines", "3:1"], 2),
        (["log", "last", "--lines", "x"], 2),
        (["log", "last", "--head", "1", "--tail", "1"], 2),
        (["log", "last", "--head", "-1"], 2),
        (["summary", "show", "abc"], 4),
        (["summary", "show", "last"], 4),
        (["types", "explain", "no-such-file"], 4),
    ],
    ids=str,
)
def test_what_is_not_there_is_one_sentence(arguments: list[str], status: int, slip: Slip) -> None:
    """With the documented exit status."""
    done = slip(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.count("\n") == 1


def test_an_expression_that_is_none_is_said(log: Path, slip: Slip) -> None:
    """With the reason."""
    slip("summarize", str(log))
    done = slip("log", "last", "--grep", "(")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_options_that_do_not_belong_together_are_refused(log: Path, slip: Slip) -> None:
    """Rather than left out silently."""
    slip("summarize", str(log))
    for arguments in (["last", "--json"], ["last", "--dry-run"], ["list", "--head", "1"],
                      ["prune", "--limit", "3", "--dry-run"]):  # fmt: skip
        done = slip("log", *arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert done.stderr.count("\n") == 1


def test_summaries_are_shown_again(log: Path, slip: Slip) -> None:
    """As they were, as text and as JSON, and listed with what they said."""
    text = slip("summarize", str(log), "--command", "make").stdout
    assert slip("summary", "show", "last").stdout == text
    data = json.loads(slip("summary", "show", "last", "--json").stdout)
    assert data["text"] + "\n" == text
    listed = json.loads(slip("summary", "list", "--json").stdout)
    assert [(one["id"], one["errors"], one["result"]) for one in listed] == [
        (data["id"], 1, "failed")
    ]
    table = slip("summary", "list").stdout.splitlines()
    assert table[0].split("\t")[:2] == ["id", "log"]
    assert table[1].split("\t")[0] == data["id"]


def test_logs_are_listed_and_pruned(slip: Slip) -> None:
    """Asked first; a dry run removes nothing; a summary outlives its log."""
    for number in range(3):
        slip("summarize", "-", input=f"log {number}\n" * 100)
    assert len(json.loads(slip("log", "list", "--json").stdout)) == 3
    assert len(slip("log", "list", "--limit", "2").stdout.splitlines()) == 1 + 2
    assert slip("log", "prune", "--days", "0").returncode == 2  # nobody can be asked
    dry = json.loads(slip("log", "prune", "--max-size", "0", "--dry-run", "--json").stdout)
    assert (dry["logs"], dry["dry_run"]) == (3, True)
    assert len(json.loads(slip("log", "list", "--json").stdout)) == 3
    done = slip("log", "prune", "--max-size", "0", "--force")
    assert done.returncode == 0
    assert done.stdout.startswith("3 logs removed")
    assert json.loads(slip("log", "list", "--json").stdout) == []
    assert slip("summary", "show", "last").returncode == 0
    assert slip("log", "prune", "--max-size", "some", "--force").returncode == 2


def test_types_are_listed_and_explained(log: Path, slip: Slip) -> None:
    """With the tools of each, and the line that decided."""
    rows = {row["kind"]: row for row in json.loads(slip("types", "--json").stdout)}
    assert {"compiler", "test", "lint", "build", "git", "diff", "log", "command"} <= set(rows)
    assert "pytest" in rows["test"]["tools"]
    told = slip("types", "explain", str(log)).stdout
    assert told.startswith("type: compiler\n")
    assert "line 60" in told
    told = slip("types", "explain", "-", input="nothing special\n").stdout
    assert "No format was recognised" in told


@posix
@pytest.mark.parametrize("source", ["pipe", "file"])
def test_an_interruption_while_summarising_is_130(source: str, tmp_path: Path) -> None:
    """Without a word, and the store is as it was."""
    if source == "pipe":
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        arguments = ["summarize", str(fifo)]
    else:
        file = tmp_path / "large.log"
        with open(file, "wb") as out:
            for _ in range(100):
                out.write(b"src/main.c:1:2: error: expected ';'\n" * 100_000)
        arguments = ["summarize", str(file)]
    child = subprocess.Popen([*SLIP, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if source == "pipe":
        with open(fifo, "wb", buffering=0) as out:
            out.write(b"begun\n")
            time.sleep(0.5)
            child.send_signal(signal.SIGINT)
            printed = child.communicate(timeout=30)
    else:
        time.sleep(0.6)
        child.send_signal(signal.SIGINT)
        printed = child.communicate(timeout=30)
    assert (child.returncode, printed) == (130, (b"", b""))
    assert subprocess.run([*SLIP, "log", "list"], capture_output=True).returncode == 0
