"""Many contents on all cores, by processes that may die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sources import sources

from slipstream.tasks.indexing import language, pack, parse, pool

ITEMS = [
    (f"{path.name} {number}", language.of(path.name), path.read_bytes() + b"\n" * number)
    for number in range(8)
    for path in sources()
    if path.suffix in (".pyw", ".js", ".ts", ".go", ".java", ".md", ".rs", ".sh", ".rb", ".php")
]
STALLS = b"\n".join([b"/*" * 30] * 500)  # Python's grammar takes minutes


def children() -> set[int]:
    """Processes that this one has started and not waited for."""
    found = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True
    )
    return {
        int(line.split()[0])
        for line in found.stdout.splitlines()
        if "indexing.worker" in line or "defunct" in line
    }


posix = pytest.mark.skipif(sys.platform == "win32", reason="processes are looked at with ps")


@pytest.fixture
def before() -> set[int]:
    return children()


@posix
def test_the_pool_gives_what_parsing_here_gives(home: Path, before: set[int]) -> None:
    done = dict(pool.parse_many(iter(ITEMS), 2))
    assert done == {token: parse.packed(name, data) for token, name, data in ITEMS}
    assert children() <= before


def test_a_few_files_are_parsed_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", never)
    done = dict(pool.parse_many(ITEMS[:5]))
    assert [pack.unpack(done[token]).language for token, _, _ in ITEMS[:5]] == [
        name for _, name, _ in ITEMS[:5]
    ]
    assert list(pool.parse_many([])) == []


@posix
def test_a_content_that_stalls_the_parser_is_read_like_text(
    home: Path, before: set[int], monkeypatch: pytest.MonkeyPatch, unmeasured: None
) -> None:
    monkeypatch.setattr(pool, "SECONDS", 1.0)
    monkeypatch.setattr(pool, "_LOOK_EVERY", 0.1)
    items = [("stalls", "python", STALLS), ("well", "python", b"def f(): pass\n")]
    done = dict(pool.parse_many(items))
    assert pack.unpack(done["stalls"]).symbols == ()
    assert pack.unpack(done["stalls"]).chunks
    assert [symbol.name for symbol in pack.unpack(done["well"]).symbols] == ["f"]
    (log,) = home.rglob("slip.log")
    assert "index.parser_died" in log.read_text()
    assert children() <= before


def _program(folder: Path, text: str) -> Path:
    """Something that speaks like a worker, up to a point."""
    program = folder / "program.py"
    program.write_text(
        "import os, sys\n"
        "from slipstream.tasks.indexing import parse, worker\n"
        "import msgpack\n"
        "write, read = worker.write_frame, worker.read_frame\n"
        "out, into = os.fdopen(1, 'wb'), os.fdopen(0, 'rb')\n" + text
    )
    return program


@posix
def test_the_content_that_a_process_dies_on_is_to_blame_and_no_other(
    home: Path,
    tmp_path: Path,
    before: set[int],
    monkeypatch: pytest.MonkeyPatch,
    unmeasured: None,
) -> None:
    program = _program(
        tmp_path,
        "write(out, b'')\n"
        "while True:\n"
        "    for name, data in msgpack.unpackb(read(into)):\n"
        "        if b'deadly' in data: os.kill(os.getpid(), 11)\n"
        "        write(out, parse.packed(name, data))\n",
    )
    monkeypatch.setattr(pool, "_COMMAND", ("-P", str(program)))
    deadly = [(f"deadly {n}", "python", b"def deadly(): pass\n") for n in range(2)]
    items = [*ITEMS[:40], deadly[0], *ITEMS[40:60], deadly[1], *ITEMS[60:]]
    done = dict(pool.parse_many(items, 2))
    for token, name, data in ITEMS:
        assert done[token] == parse.packed(name, data)
    for token, name, data in deadly:
        assert done[token] == parse.packed(name, data, syntax=False)
    assert children() <= before


@posix
def test_a_process_that_is_killed_from_outside_costs_nothing(
    home: Path, before: set[int], unmeasured: None
) -> None:
    killed: set[int] = set()

    def items() -> Iterator[tuple[str, str, bytes]]:
        for number, item in enumerate(ITEMS):
            if number == 60 and (alive := children() - before):
                killed.add(min(alive))
                os.kill(min(alive), signal.SIGKILL)
            yield item

    done = dict(pool.parse_many(items(), 2))
    assert killed
    assert done == {token: parse.packed(name, data) for token, name, data in ITEMS}
    assert children() <= before


@posix
@pytest.mark.parametrize("text", ["sys.exit(1)\n", "import no_such_module\n"])
def test_where_no_process_starts_all_is_parsed_here(
    text: str, home: Path, tmp_path: Path, before: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_COMMAND", ("-P", str(_program(tmp_path, text))))
    done = dict(pool.parse_many(ITEMS[:40], 2))
    assert done == {token: parse.packed(name, data) for token, name, data in ITEMS[:40]}
    assert children() <= before


@posix
def test_leaving_early_ends_all_processes(home: Path, before: set[int], unmeasured: None) -> None:
    results = pool.parse_many(iter(ITEMS), 2)
    next(iter(results))
    assert len(children() - before) == 2
    results.close()  # type: ignore[attr-defined]
    assert children() <= before
    assert not [thread for thread in threading.enumerate() if "_serve" in thread.name]


@posix
def test_a_failure_of_the_one_who_gives_items_is_theirs(
    home: Path, before: set[int], unmeasured: None
) -> None:
    def items() -> Iterator[tuple[str, str, bytes]]:
        yield from ITEMS
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        list(pool.parse_many(items(), 2))
    assert children() <= before


def test_only_a_few_items_are_taken_ahead(home: Path) -> None:
    taken = 0

    def items() -> Iterator[tuple[int, str, bytes]]:
        nonlocal taken
        for number in range(2000):
            taken += 1
            yield number, "text", b"word\n" * 20

    most = done = 0
    for _ in pool.parse_many(items(), 1):
        done += 1
        most = max(most, taken - done)
    assert done == 2000
    assert most <= 4 * pool.BATCH_FILES


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_its_parent(
    number: int, home: Path, tmp_path: Path, unmeasured: None
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os, time\n"
        "from slipstream.tasks.indexing import pool\n"
        "items = ((n, 'python', b'def f(): pass\\n' * 50) for n in range(10**9))\n"
        "for n, _ in pool.parse_many(items, 2):\n"
        "    if n == 100: print('working', flush=True)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert parent.stdout
    assert parent.stdout.readline() == b"working\n"
    # As the terminal does, to the whole group; a kill meets the parent alone.
    (os.killpg if number == signal.SIGINT else os.kill)(parent.pid, number)
    parent.wait(20)
    parent.stdout.close()
    until = time.monotonic() + 20
    while _group(parent.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert _group(parent.pid) == []


def _group(leader: int) -> list[str]:
    found = subprocess.run(["ps", "-eo", "pgid=,args="], capture_output=True, text=True)
    return [line for line in found.stdout.splitlines() if line.split()[0] == str(leader)]
