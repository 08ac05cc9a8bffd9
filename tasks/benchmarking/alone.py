"""One benchmark at a time on a machine, and of a model server: each would disturb the other.

The lock is a file that all data folders of a user share. The kernel frees it when its holder dies;
what stands in it tells who that is.
"""

from __future__ import annotations

import ipaddress
import json
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from slipstream.storage import logs, redis_client, redis_lock
from slipstream.storage.config.endpoints import Endpoint
from slipstream.storage.config.load import load
from slipstream.storage.errors import SlipError
from slipstream.storage.lock import try_lock
from slipstream.storage.paths import PRIVATE, home, make_private

VARIABLE = "SLIPSTREAM_BENCH_LOCK"
"""Names another file: for tests, and for machines in a machine that share a temporary folder."""
FILE = "bench.lock"
LOCK = "benchmark of "  # and the server, between hosts
LARGEST = 4096  # bytes that are read of who holds it


@contextmanager
def only_one(run: str = "") -> Iterator[None]:
    """Hold the machine's lock for benchmarks.

    Args:
        run: The id of the run, to be told to others.

    Raises:
        SlipError: Another one is running, or the lock's folder is not the user's own.
    """
    file = _file()
    try:
        # not followed: in a shared folder a link may have been put there by somebody else
        handle = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        raise SlipError(
            f"The lock {file} cannot be opened ({error.strerror or error}); mend that, or name "
            f"another file with {VARIABLE}."
        ) from error
    try:
        if not try_lock(handle):
            raise SlipError(
                f"Another benchmark is running{_holder(handle)}, and each would disturb the "
                "other; wait until it is done, or cancel it."
            )
        told = {"pid": os.getpid(), "since": time.time(), "run": run}
        os.ftruncate(handle, 0)
        os.write(handle, json.dumps(told).encode())
        yield
    finally:
        os.close(handle)


@contextmanager
def only_one_at(server: Endpoint) -> Iterator[None]:
    """Hold the lock of a model server between hosts, where `storage.redis_url` names a Redis.

    A server of this host is not locked: `only_one` does that. Without an answer of Redis nothing is
    held, which is logged: a benchmark does not fail for it.

    Raises:
        SlipError: Another host measures that server.
    """
    loopback = all(ipaddress.ip_address(address).is_loopback for address in server.addresses)
    if loopback or not load().config.storage.redis_url:
        yield
        return
    from redis import RedisError

    lease = None
    try:
        lease = redis_lock.take(redis_client.client(home()), f"{LOCK}{server.host}:{server.port}")
    except (RedisError, SlipError) as error:
        logs.warning("bench.not_locked", server=server.host, reason=str(error))
    else:
        if lease is None:
            raise SlipError(
                f"Another host is measuring {server.host}, and each would disturb the other; wait "
                f"until it is done. What a killed one held ends after {redis_lock.TTL_SECONDS:.0f} "
                "seconds."
            )
    try:
        yield
    finally:
        if lease is not None:
            lease.release()


def under_way() -> bool:
    """Whether a benchmark is running now on this machine."""
    try:
        with only_one():
            return False
    except SlipError:
        return True


def _holder(handle: int) -> str:
    """Who holds the lock; empty: that cannot be read."""
    try:
        told = json.loads(os.read(handle, LARGEST))
        since = datetime.fromtimestamp(told["since"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        run = f", run {told['run']}" if told["run"] else ""
        return f" (process {int(told['pid'])}{run}, since {since})"
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        return ""


def _file() -> Path:
    if chosen := os.environ.get(VARIABLE, "").strip():
        file = Path(chosen).expanduser().absolute()
        make_private(file.parent)
        return file
    if sys.platform == "win32":  # pragma: no cover - cannot run here
        return make_private(Path(tempfile.gettempdir(), "slipstream")) / FILE  # the user's own
    # not TMPDIR and not XDG_RUNTIME_DIR: what cron starts has others than a terminal, or none
    folder = Path("/tmp", f"slipstream-{os.getuid()}")
    try:
        folder.mkdir(mode=PRIVATE, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise SlipError(
            f"The folder {folder} for the lock cannot be made ({error.strerror or error}); mend "
            f"that, or name a file with {VARIABLE}."
        ) from error
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not own or found.st_mode & 0o022:
        raise SlipError(
            f"{folder} is not a folder that only you can write to; remove it, or name a file for "
            f"the lock with {VARIABLE}."
        )
    return folder / FILE
