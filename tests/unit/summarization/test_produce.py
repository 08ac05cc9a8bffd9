"""From bytes to a summary that is stored: secrets hidden, nothing lost when something fails."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from slipstream.storage import summaries
from slipstream.storage.config.settings import DEFAULTS, Config, Pattern
from slipstream.storage.outputs.store import OutputStore
from slipstream.tasks.summarization.model import Outcome
from slipstream.tasks.summarization.produce import (
    Produced,
    Producer,
    Request,
    analyse_chunks,
    command_words,
    read_file,
    summarise_chunks,
)
from slipstream.tasks.summarization.report import to_json

FAILED, ANY = Outcome(1), Request()
TOKEN = "ghp_" + "aB3dE5fG7hI9" * 3
LOG = f"""\
cc -c a.c
a.c:1:5: error: 'foo' undeclared, token is {TOKEN}
Traceback (most recent call last):
  File "/srv/app.py", line 3, in main
    connect("postgres://admin:hunter2secret@db/x")
ValueError: cannot use postgres://admin:hunter2secret@db/x
make: *** [Makefile:3: all] Error 1
""".encode()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder, since compiling the rules takes seconds."""
    return tmp_path_factory.mktemp("home")


def produce(
    data: bytes, home: Path, outcome: Outcome = FAILED, config: Config = DEFAULTS,
    request: Request = ANY,
) -> Produced:  # fmt: skip
    return summarise_chunks([data], home, config, request, outcome)


def test_secrets_are_hidden_in_the_text_and_in_the_json(shared: Path) -> None:
    """And in what is kept; the full log has them."""
    produced = produce(LOG, shared)
    data = json.dumps(to_json(produced))
    for secret in (TOKEN, "hunter2secret"):
        assert secret.encode() in LOG
        assert secret not in produced.text
        assert secret not in data
    assert produced.redacted >= 2
    assert "secrets are hidden here; the full log has them." in produced.text
    assert produced.text.split("\n")[-2].endswith("the full log has them.")
    with sqlite3.connect(next(shared.glob("*.db"))) as connection:
        kept = "\n".join(map(str, connection.iterdump()))
    assert TOKEN not in kept
    assert "hunter2secret" not in kept
    store = OutputStore(shared)
    assert b"".join(store.read(store.resolve(produced.log.id))) == LOG
    store.close()


def test_what_is_hidden_is_all_that_changes(shared: Path) -> None:
    plain = DEFAULTS._replace(summary=DEFAULTS.summary._replace(redact=False))
    shown, hidden = produce(LOG, shared, config=plain), produce(LOG, shared)
    assert TOKEN in shown.text
    assert shown.redacted == 0
    assert [f._replace(message="", causes=()) for f in hidden.analysis.findings] == [
        f._replace(message="", causes=()) for f in shown.analysis.findings
    ]
    assert shown.id != hidden.id


@pytest.mark.parametrize("secrets", [0, 1, 40])
def test_the_limit_holds_with_what_is_said_of_secrets(shared: Path, secrets: int) -> None:
    lines = [f"a.c:{n}:1: error: bad token ghp_{n:036d}" for n in range(1, 200)]
    data = "\n".join(lines[:secrets] + ["a.c:1:1: error: x"] * 5).encode()
    produced = produce(data, shared, request=Request(max_bytes=1_024))
    assert len(produced.text.encode()) <= 1_024
    assert ("secrets are hidden" in produced.text) == (secrets > 0)


def test_the_json_says_what_the_text_says_and_comes_back_from_the_store(shared: Path) -> None:
    produced = produce(LOG, shared, Outcome(2, duration=1.25), request=Request(("make", "-j2")))
    data = to_json(produced)
    assert json.loads(json.dumps(data)) == data
    assert data["schema"] == "slipstream.summary/1"
    assert data["text"] == produced.text
    assert (data["exit_status"], data["failed"], data["duration"]) == (2, True, 1.25)
    assert data["log"] == {
        "id": produced.log.id, "sha256": produced.log.sha256, "bytes": len(LOG), "lines": 7,
        "complete": True,
    }  # fmt: skip
    assert data["counts"]["error"] + data["counts"]["fatal"] == sum(
        f["count"] for f in data["findings"] if f["severity"] in ("error", "fatal")
    )
    assert sum(f["role"] == "root" for f in data["findings"]) == 1
    store = OutputStore(shared)
    kept = summaries.resolve(store.connection, produced.id)
    assert json.loads(kept.json_text) == data
    assert (kept.result, kept.exit_status, kept.command) == ("failed", 2, ("make", "-j2"))
    rows = summaries.findings_of(store.connection, kept)
    assert [row.message for row in rows] == [f["message"] for f in data["findings"]]
    store.close()


def test_the_same_input_has_the_same_id_and_another_input_another(shared: Path) -> None:
    same = produce(LOG, shared)
    assert produce(LOG, shared).id == same.id
    assert produce(LOG, shared, Outcome(1, duration=9.0)).id == same.id
    others = [
        produce(LOG + b"\n", shared),
        produce(LOG, shared, Outcome(0)),
        produce(LOG, shared, Outcome(1, "SIGKILL")),
        produce(LOG, shared, request=Request(("make",))),
        produce(LOG, shared, request=Request(type="compiler")),
        produce(LOG, shared, request=Request(max_bytes=4_096)),
    ]
    assert len({same.id, *(other.id for other in others)}) == len(others) + 1


def test_a_store_that_cannot_be_used_costs_the_log_alone(tmp_path: Path) -> None:
    """The summary is shown, and says that there is no log."""
    (tmp_path / "home").write_text("a file stands where the folder should be")
    produced = produce(LOG, tmp_path / "home")
    assert produced.text.startswith("# FAILED")
    assert "a.c:1:5: error: 'foo' undeclared" in produced.text
    assert "warning: " in produced.text
    assert "complete=no log=- sha256=" in produced.text
    assert "slip log" not in produced.text
    assert to_json(produced)["log"]["id"] is None


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_costs_the_log_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        produced = produce(LOG, tmp_path / "home")
    finally:
        tmp_path.chmod(0o700)
    assert produced.text.startswith("# FAILED")
    assert "log=-" in produced.text


def test_a_summary_that_cannot_be_kept_is_shown_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(summaries, "save", full)
    produced = produce(b"x\n", tmp_path)
    assert produced.warnings == ("The summary could not be kept: database or disk is full",)
    assert produced.warnings[0] in to_json(produced)["notes"]
    assert produced.text


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"\0" * 5_000, b"\xff" * 999, b"\xef\xbb\xbf", b"\r" * 99]
)
@pytest.mark.parametrize("status", [0, 1, None])
def test_any_bytes_have_a_summary(shared: Path, data: bytes, status: int | None) -> None:
    produced = produce(data, shared, Outcome(status))
    assert produced.text.startswith("# ")
    assert produced.warnings == ()
    json.dumps(to_json(produced)).encode()


def test_lines_and_errors_are_told_while_the_output_comes(shared: Path) -> None:
    producer = Producer(shared, DEFAULTS, Request())
    assert producer.progress() == (0, 0)
    producer.take(LOG[:60])
    assert producer.progress()[0] == 1
    producer.take(LOG[60:])
    lines, errors = producer.progress()
    assert lines == 7
    assert errors >= 2
    producer.finish(Outcome(1))


def test_a_pattern_of_the_user_is_found_in_a_log(tmp_path: Path) -> None:
    pattern = Pattern("mine", r"^BOOM (?P<code>\w+): (?P<message>.+)", severity="fatal")
    config = DEFAULTS._replace(patterns=(pattern,))
    produced = produce(b"fine\nBOOM E7: the roof is on fire\n", tmp_path, Outcome(0), config)
    (found,) = produced.analysis.findings
    assert (found.tool, found.code, found.message) == ("mine", "E7", "the roof is on fire")


def test_bytes_are_analysed_without_being_kept(shared: Path) -> None:
    def chunks() -> Iterable[bytes]:
        yield LOG[:100]
        yield LOG[100:]

    store = OutputStore(shared)
    before = store.list()
    analysis = analyse_chunks(chunks(), shared, DEFAULTS, ("make",))
    assert any(f.message.startswith("'foo' undeclared") for f in analysis.findings)
    assert store.list() == before
    store.close()


def test_a_command_line_is_split_into_words() -> None:
    assert command_words("pytest -q 'a b'") == ("pytest", "-q", "a b")
    assert command_words("it's") == ("it's",)
    assert command_words("make") == ("make",)
    assert command_words("") == command_words(()) == ()
    assert command_words(["a", "b c"]) == ("a", "b c")


def test_a_file_is_read_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"abcdef\n" * 10)
    assert list(read_file(str(tmp_path / "log"), 32)) == [
        (b"abcdef\n" * 10)[at : at + 32] for at in (0, 32, 64)
    ]
