"""Locks between processes and tasks, which die with their holder."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from prefect.locking.protocol import LockManager

from slipstream.flows.locks import FileLocks
from slipstream.storage.cache import open_cache
from slipstream.storage.cache.flight import FOLDER

KEYS = ["v1::task-index-files::" + "a" * 64, "a/b/../c", "ключ ::/ ", "x" * 5000]

HOLD = """
import sys, time
from slipstream.flows.locks import FileLocks
assert FileLocks().acquire_lock(sys.argv[1], "other", 10)
print("held", flush=True)
time.sleep(60)
"""


def holder(key: str) -> subprocess.Popen[str]:
    """Another process that holds the lock when this returns."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, key], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_it_is_what_prefect_takes_for_a_lock_manager() -> None:
    """By its methods."""
    assert isinstance(FileLocks(), LockManager)


@pytest.mark.parametrize("key", KEYS, ids=["key", "path", "text", "long"])
def test_one_holds_a_lock_at_a_time(home: Path, key: str) -> None:
    """Whatever the key looks like; nothing is left behind."""
    locks, others = FileLocks(), FileLocks()
    assert not locks.is_locked(key)
    assert locks.acquire_lock(key, "me")
    assert locks.acquire_lock(key, "me", 0)  # it has it
    assert locks.is_locked(key)
    assert locks.is_lock_holder(key, "me")
    assert not locks.is_lock_holder(key, "you")
    assert not locks.acquire_lock(key, "you", 0.02)
    assert not others.acquire_lock(key, "you", 0)
    assert others.is_locked(key)
    assert not others.wait_for_lock(key, 0.02)
    with pytest.raises(ValueError, match="held by 'you'"):
        locks.release_lock(key, "you")
    locks.release_lock(key, "me")
    assert others.wait_for_lock(key, 0)
    assert others.acquire_lock(key, "you", 0)
    others.release_lock(key, "you")
    assert list((home / "cache" / FOLDER).iterdir()) == []


def test_a_lock_whose_file_cannot_be_removed_is_given_back(home: Path) -> None:
    """Here the folder of the locks became a file."""
    locks = FileLocks()
    assert locks.acquire_lock("k", "me")
    folder = home / "cache" / FOLDER
    folder.rename(home / "moved")
    folder.touch()
    locks.release_lock("k", "me")
    folder.unlink()
    (home / "moved").rename(folder)
    assert FileLocks().acquire_lock("k", "you", 0)


def test_a_lock_cannot_be_held_for_a_time(home: Path) -> None:
    """It ends with its holder, and saying otherwise would be wrong."""
    with pytest.raises(ValueError, match="by time"):
        FileLocks().acquire_lock("k", "me", hold_timeout=1)
    with pytest.raises(ValueError, match="by time"):
        asyncio.run(FileLocks().aacquire_lock("k", "me", hold_timeout=1))


def test_tasks_wait_without_stopping_the_others(home: Path) -> None:
    """Each gets the lock once, one after another."""
    locks = FileLocks()
    inside: list[str] = []
    most = 0

    async def work(name: str) -> None:
        nonlocal most
        assert await locks.aacquire_lock("k", name)
        inside.append(name)
        most = max(most, len(inside))
        await asyncio.sleep(0.001)
        inside.remove(name)
        locks.release_lock("k", name)

    async def all_of_them() -> None:
        await asyncio.gather(*(work(str(number)) for number in range(8)))
        assert await locks.await_for_lock("k", 0)
        assert await locks.aacquire_lock("k", "last")
        assert not await locks.await_for_lock("k", 0.01)
        assert not await locks.aacquire_lock("k", "one more", 0.01)

    asyncio.run(all_of_them())
    assert most == 1


def test_threads_of_several_managers_never_hold_one_lock_together(home: Path) -> None:
    """Though each removes the file when it is done."""
    inside = 0
    most = 0
    guard = threading.Lock()

    def work(number: int) -> None:
        nonlocal inside, most
        locks = FileLocks()
        for _ in range(20):
            assert locks.acquire_lock("k", str(number), 30)
            with guard:
                inside += 1
                most = max(most, inside)
            time.sleep(0.0002)
            with guard:
                inside -= 1
            locks.release_lock("k", str(number))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal here")
def test_a_lock_is_free_as_soon_as_its_holder_is_killed(home: Path, unmeasured: None) -> None:
    """Though its file is left behind."""
    locks = FileLocks()
    process = holder("k")
    try:
        assert locks.is_locked("k")
        assert not locks.acquire_lock("k", "me", 0.02)
    finally:
        process.kill()
        process.wait()
    assert len(list((home / "cache" / FOLDER).iterdir())) == 1
    assert not locks.is_locked("k")
    assert locks.acquire_lock("k", "me", 0)
    locks.release_lock("k", "me")
    assert list((home / "cache" / FOLDER).iterdir()) == []


def test_what_killed_processes_left_is_cleaned_up_and_no_held_lock_is(home: Path) -> None:
    """By the clean-up of the cache."""
    locks = FileLocks()
    assert locks.acquire_lock("held", "me")
    (home / "cache" / FOLDER / "flow-left").touch()
    with open_cache(home) as store:
        store.set("v1::a::b", b"")
        store.clean()
    assert FileLocks().is_locked("held")
    assert len(list((home / "cache" / FOLDER).iterdir())) == 1
    locks.release_lock("held", "me")


def test_where_no_lock_can_be_kept_the_work_goes_on(home: Path) -> None:
    """A file stands where the folder should be: everybody gets the lock."""
    (home / "cache").mkdir(parents=True)
    (home / "cache" / FOLDER).write_text("")
    first, second = FileLocks(), FileLocks()
    assert first.acquire_lock("k", "me", 0)
    assert second.acquire_lock("k", "you", 0)
    assert first.is_locked("k")
    first.release_lock("k", "me")
    assert not first.is_locked("other")
