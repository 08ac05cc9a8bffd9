"""Locks between hosts, in the Redis within the process and in a real one."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from prefect.locking.protocol import LockManager

from slipstream.flows import locks
from slipstream.flows.locks import FileLocks
from slipstream.flows.redis_locks import RedisLocks
from slipstream.storage import redis_client, redis_lock
from slipstream.storage.config.endpoints import Endpoint
from slipstream.storage.errors import SlipError
from slipstream.storage.redis_client import Client
from slipstream.tasks.benchmarking.alone import only_one_at

WAIT = 60  # seconds; a busy machine

HOLD = """
import sys, time
from slipstream.storage import redis_client, redis_lock
lease = redis_lock.take(redis_client.connect(sys.argv[1], "local-only"), "k", 1.0)
print("held", lease.number, flush=True)
time.sleep(600)
"""


@pytest.fixture
def client(redis_of_both_kinds: Client) -> Client:
    return redis_of_both_kinds


def waited(condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_it_is_what_prefect_takes_for_a_lock_manager(client: Client) -> None:
    """By its methods."""
    assert isinstance(RedisLocks(lambda: client), LockManager)


@pytest.mark.parametrize("key", ["a/b/../c", "ключ ::/ ", "x" * 5000], ids=["path", "text", "long"])
def test_one_holds_a_lock_at_a_time(client: Client, home: Path, key: str) -> None:
    """Two managers are two hosts; whatever the key looks like."""
    here, there = RedisLocks(lambda: client), RedisLocks(lambda: client)
    assert not here.is_locked(key)
    assert here.acquire_lock(key, "me")
    assert here.acquire_lock(key, "me", 0)  # it has it
    assert here.is_lock_holder(key, "me")
    assert not here.is_lock_holder(key, "you")
    assert not here.acquire_lock(key, "you", 0)
    assert not there.acquire_lock(key, "you", 0.02)
    assert there.is_locked(key)
    assert not there.wait_for_lock(key, 0.02)
    with pytest.raises(ValueError, match="held by 'you'"):
        there.release_lock(key, "you")
    with pytest.raises(ValueError, match="held by 'you'"):
        here.release_lock(key, "you")
    here.release_lock(key, "me")
    assert there.wait_for_lock(key, 0)
    assert there.acquire_lock(key, "you", 0)
    there.release_lock(key, "you")


def test_each_holder_has_a_larger_number_than_the_one_before(client: Client, home: Path) -> None:
    """So that what a holder writes who lost the lock unnoticed can be refused."""
    here, there = RedisLocks(lambda: client), RedisLocks(lambda: client)
    numbers = []
    for manager in (here, there, here):
        assert manager.acquire_lock("k", "me", 0)
        numbers.append(manager.number("k"))
        manager.release_lock("k", "me")
    assert numbers == [1, 2, 3]
    assert here.number("k") is None


def test_a_lock_is_renewed_for_as_long_as_it_is_held(client: Client) -> None:
    """Far longer than it would last by itself."""
    lease = redis_lock.take(client, "k", ttl=0.3)
    assert lease is not None
    end = time.monotonic() + 1
    while time.monotonic() < end and lease.held:  # a machine that stops for long may lose it
        assert redis_lock.take(client, "k") is None or not lease.held
        time.sleep(0.05)
    lease.release()
    assert not lease.held


def test_a_holder_whose_lock_is_gone_knows_it(client: Client, home: Path) -> None:
    """Redis forgot it, and somebody else has it now: it is neither renewed nor given back."""
    here, there = RedisLocks(lambda: client, ttl=0.3), RedisLocks(lambda: client)
    assert here.acquire_lock("k", "me", 0)
    client.flushall()
    assert there.acquire_lock("k", "you", 0)
    waited(lambda: not here.is_lock_holder("k", "me"))
    here.release_lock("k", "me")
    assert there.is_locked("k")
    assert not here.acquire_lock("k", "me", 0)
    there.release_lock("k", "you")


def test_threads_of_several_hosts_never_hold_one_lock_together(client: Client, home: Path) -> None:
    """Each gets it, one after another, each with a number of its own."""
    inside: list[int] = []
    most, numbers, guard = 0, [], threading.Lock()

    def work(number: int) -> None:
        nonlocal most
        manager = RedisLocks(lambda: client)
        for _ in range(5):
            assert manager.acquire_lock("k", str(number), WAIT)
            with guard:
                inside.append(number)
                most = max(most, len(inside))
                numbers.append(manager.number("k"))
            time.sleep(0.0005)
            with guard:
                inside.remove(number)
            manager.release_lock("k", str(number))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert numbers == list(range(1, 16))


def test_tasks_wait_without_stopping_the_others(client: Client, home: Path) -> None:
    """As the locks of one host do."""
    here, there = RedisLocks(lambda: client), RedisLocks(lambda: client)

    async def both() -> None:
        assert await here.aacquire_lock("k", "me")
        asyncio.get_running_loop().call_later(0.05, here.release_lock, "k", "me")
        assert await there.aacquire_lock("k", "you", WAIT)
        there.release_lock("k", "you")

    asyncio.run(both())


def test_what_a_killed_holder_held_is_free_soon(redis_url: str, unmeasured: None) -> None:
    """A process that was killed renews nothing."""
    client = redis_client.connect(redis_url, "local-only")
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, redis_url], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held 1\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    waited(lambda: not redis_lock.is_taken(client, "k"))
    lease = redis_lock.take(client, "k")
    assert lease is not None
    assert lease.number == 2
    lease.release()


def test_without_an_answer_of_redis_the_locks_of_this_host_are_used(home: Path) -> None:
    """Work is then done twice at worst, by two hosts; a lock that cannot be released ends."""
    client = redis_client.connect("redis://127.0.0.1:1/0", "local-only")
    here, there = RedisLocks(lambda: client), RedisLocks(lambda: client)
    assert here.acquire_lock("k", "me", 0)
    assert here.is_lock_holder("k", "me")
    assert not there.acquire_lock("k", "you", 0)
    assert there.is_locked("k")
    here.release_lock("k", "me")
    redis_lock.Lease(client, "k", "v", 1, 30).release()
    assert "flow.locks_of_this_host" in (home / "program" / "slip.log").read_text()


def test_the_configuration_chooses_between_one_host_and_several(
    redis_url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `storage.redis_url`."""
    assert type(locks.chosen()) is FileLocks
    monkeypatch.setenv("SLIPSTREAM_STORAGE_REDIS_URL", redis_url)
    chosen = locks.chosen()
    assert chosen.acquire_lock("k", "me", 0)
    assert redis_lock.is_taken(redis_client.connect(redis_url, "local-only"), "k")
    chosen.release_lock("k", "me")


def test_two_hosts_do_not_measure_one_model_server_together(
    redis_url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One on loopback is each host's own; a Redis that does not answer stops no benchmark."""
    server = Endpoint(False, "gpu", 8000, "/v1", ("10.0.0.7",))
    monkeypatch.setenv("SLIPSTREAM_STORAGE_REDIS_URL", redis_url)
    with only_one_at(server):
        with pytest.raises(SlipError, match="Another host is measuring gpu"):
            only_one_at(server).__enter__()
        with only_one_at(server._replace(port=8001)):
            pass
    with only_one_at(server._replace(addresses=("127.0.0.1",))), only_one_at(server):
        pass
    monkeypatch.setenv("SLIPSTREAM_STORAGE_REDIS_URL", "redis://127.0.0.1:1/0")
    with only_one_at(server), only_one_at(server):
        pass
    assert "bench.not_locked" in (home / "program" / "slip.log").read_text()
