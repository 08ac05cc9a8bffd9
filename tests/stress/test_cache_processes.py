"""Several processes at one cache: nothing stale, nothing lost, computed once, killed at will."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slipstream.storage.cache import open_cache
from slipstream.storage.config.settings import CacheLimits

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL"),
    pytest.mark.usefixtures("unmeasured"),
]

KILLS = int(os.environ.get("SLIPSTREAM_TEST_KILLS", "20"))
OPERATIONS = int(os.environ.get("SLIPSTREAM_TEST_OPERATIONS", "2000"))

START = """
import hashlib, os, random, sys, time
from pathlib import Path
from slipstream.storage.cache import Item, open_cache
from slipstream.storage.config.settings import CacheLimits
home, number = Path(sys.argv[1]), int(sys.argv[2])
LIMITS = CacheLimits(max_bytes=4 << 20, max_entries=300, audit_share=0)
rng = random.Random(number)
"""

# What a key's value begins with says what the rest has to be, so any mixture is seen.
WORKER = (
    START
    + """
def value():
    seed = os.urandom(8)
    return seed + hashlib.sha256(seed).digest() * rng.choice([1, 30, 400, 4000])

def check(key, data):
    data = bytes(data)
    assert data[8:40] == hashlib.sha256(data[:8]).digest() and len(data) % 32 == 8, key
    assert data[8:] == data[8:40] * (len(data) // 32), key

store = open_cache(home, LIMITS)
print("begun", flush=True)
while True:
    key = f"v1::k::{rng.randrange(400)}"
    what = rng.randrange(12)
    if what < 4:
        store.set(key, value(), tags=rng.choice([(), ("t",)]), depends_on=rng.choice([(), ("p",)]),
                  ttl=rng.choice([None, 0.05]), sliding=rng.random() < 0.1)
    elif what < 7:
        if (found := store.get(key)) is not None:
            check(key, found)
    elif what == 7:
        if (found := store.view(key)) is not None:
            check(key, found)
    elif what == 8:
        check(key, store.get_or_compute(key, value))
    elif what == 9:
        store.set_many(Item(f"v1::m::{n}", value()) for n in range(rng.randrange(20)))
    elif what == 10:
        store.remove(prefix=f"v1::k::{rng.randrange(10)}")
    else:
        rng.choice([lambda: store.remove(tag="t"), lambda: store.delete("p"), store.clean,
                    lambda: store.touch(key), lambda: store.remove(expired=True)])()
    if store.warnings:
        print("warned", store.warnings, flush=True)
        os._exit(3)
"""
)


def start(program: str, home: Path, number: int, *more: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", program, str(home), str(number), *map(str, more)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def test_killed_at_any_moment_the_cache_is_in_order_at_the_next_start(tmp_path: Path) -> None:
    """Four work at a time; each round kills one or all of them, and another takes its place."""
    home = tmp_path / "home"
    rng = random.Random(11)
    numbers = iter(range(10**6))
    workers = [begun(start(WORKER, home, next(numbers))) for _ in range(4)]
    try:
        killed = 0
        while killed < KILLS:
            for worker in workers:
                assert worker.poll() is None, worker.communicate()
            time.sleep(rng.uniform(0, 0.1))
            for place in range(4) if rng.random() < 0.2 else [rng.randrange(4)]:
                assert finish(workers[place]) in (-9, 0), "a wrong value or a warning"
                killed += 1
                workers[place] = begun(start(WORKER, home, next(numbers)))
    finally:
        for worker in workers:
            finish(worker)
    with open_cache(home, CacheLimits(audit_share=0)) as store:
        assert store.set("key", b"value")
        assert store.get("key") == b"value"
        store.clean()
        assert store.remove(prefix="v1::k::1").count >= 0
        entries = store.entries()
        assert store.count() == len(entries)
        assert store.size() == sum(entry.size for entry in entries)
        verified = store.verify()
        assert verified.corrupt == ()
        assert not verified.set_aside
        assert store.warnings == []
        assert store.stats().disk.damaged == 0
        named = {entry.file for entry in store.entries() if entry.file}
        files = {path.name for path in (home / "cache" / "values").glob("*/*")}
        assert files == named
        assert not list((home / "cache" / "flights").iterdir())


def begun(worker: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"begun\n"
    return worker


def finish(worker: subprocess.Popen[bytes]) -> int:
    worker.kill()
    worker.wait()
    assert worker.stdout is not None
    rest = worker.stdout.read()
    worker.stdout.close()
    assert b"warned" not in rest, rest
    return worker.returncode


# Counts up a key; a reader that sees less than what was set before it looked is stale. What was set
# is told through a file that is written after `set` returned, and read before `get` is called.
COUNTER = (
    START
    + """
store = open_cache(home, LIMITS)
told = os.open(home / f"told{number % 2}", os.O_RDWR | os.O_CREAT)
key = f"v1::count::{number % 2}"
if number < 2:
    for n in range(1, int(sys.argv[3])):
        if n % 50 == 0:
            rng.choice([lambda: store.delete(key), lambda: store.remove(prefix="v1::count"),
                        lambda: store.remove(tag="all")])()
        assert store.set(key, b"%d" % n, tags=["all"])
        os.pwrite(told, b"%08d" % n, 0)
    os.pwrite(told, b"%08d" % 99999999, 0)
else:
    print("begun", flush=True)
    seen = looks = 0
    while (least := int(os.pread(told, 8, 0) or b"0")) != 99999999:
        found = store.get(key)
        looks += 1
        if found is not None:
            assert int(found) >= least, (found, least)
            assert int(found) >= seen, (found, seen)
            seen = int(found)
    stats = store.stats()
    assert looks == stats.memory.hits + stats.disk.hits + stats.misses
    print("memory", stats.memory.hits, "of", looks, flush=True)
assert store.warnings == []
"""
)


def test_a_value_older_than_a_completed_set_or_removal_is_never_served(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    readers = [begun(start(COUNTER, home, number, OPERATIONS)) for number in (2, 3)]
    writers = [start(COUNTER, home, number, OPERATIONS) for number in (0, 1)]
    outputs = [process.communicate(timeout=120)[0] for process in [*writers, *readers]]
    assert [process.returncode for process in [*writers, *readers]] == [0] * 4
    assert sum(int(output.split()[1]) for output in outputs[2:]) > 0, "memory was never used"


FLIGHT = (
    START
    + """
store = open_cache(home, LIMITS._replace(max_entries=10_000))
log = os.open(home / "computed", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
keys = [f"v1::flight::{n}" for n in range(50)]
rng.shuffle(keys)
print("begun", flush=True)
sys.stdin.readline()

def compute(key):
    time.sleep(0.001)
    if len(sys.argv) > 3 and key.endswith(sys.argv[3]) and not os.path.exists(home / "died"):
        (home / "died").touch()
        os.kill(os.getpid(), 9)
    os.write(log, key.encode() + b"\\n")
    return key.encode() * 3

for key in keys:
    assert store.get_or_compute(key, lambda: compute(key)) == key.encode() * 3
assert store.warnings == []
"""
)


@pytest.mark.parametrize("killed", ["", "::7"])
def test_eight_processes_compute_each_of_fifty_keys_once(tmp_path: Path, killed: str) -> None:
    """Also when one is killed while it computes: another one takes over."""
    home = tmp_path / "home"
    home.mkdir()
    command = [sys.executable, "-c", FLIGHT, str(home)]
    processes = [
        subprocess.Popen(
            [*command, str(number), *([killed] if killed else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for number in range(8)
    ]
    for process in map(begun, processes):
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
    statuses = sorted(process.returncode for process in processes)
    assert statuses == ([-9] if killed else [0]) + [0] * 7
    computed = (home / "computed").read_text().split()
    assert sorted(computed) == sorted(f"v1::flight::{n}" for n in range(50))


EXACT = (
    START
    + """
counts = {}
def count(event):
    counts[event.kind] = counts.get(event.kind, 0) + 1
store = open_cache(home, LIMITS._replace(max_entries=10**6, max_bytes=1 << 30))
store.listen(count)
operations = int(sys.argv[3])
for n in range(operations):
    key = f"v1::exact::{number}::{n // 4}"
    if n % 4 == 0: assert store.set(key, b"value")
    elif n % 4 == 1: assert store.get(key) == b"value"
    elif n % 4 == 2: assert store.get(key + "none") is None
    else: assert store.get(f"v1::exact::{number}::0") == b"value"
part = operations // 4
assert counts == {"set": part, "hit": 2 * part, "miss": part}, counts
stats = store.stats()
assert stats.sets == stats.misses == part and stats.memory.hits + stats.disk.hits == 2 * part
print(store.stats().evictions, flush=True)
"""
)


def test_counters_are_exact_and_no_set_is_lost(tmp_path: Path) -> None:
    home = tmp_path / "home"
    processes = [start(EXACT, home, number, OPERATIONS) for number in range(4)]
    for process in processes:
        process.communicate(timeout=600)
        assert process.returncode == 0
    with open_cache(home) as store:
        assert store.count() == 4 * (OPERATIONS // 4)
        assert store.size() == 5 * store.count()
