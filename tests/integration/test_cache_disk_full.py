"""A real full disk and a real read-only one: a small one in memory, mounted for the test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipstream.storage.cache import open_cache
from slipstream.storage.cache.values import INLINE
from slipstream.storage.config.settings import CacheLimits
from tests.conftest import Slip

LIMITS = CacheLimits(memory_bytes=0, audit_share=0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("mounting a small disk takes root on Linux")
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_on_a_full_disk_what_is_kept_is_served_and_the_rest_is_computed(small_disk: Path) -> None:
    with open_cache(small_disk, LIMITS) as store:
        assert store.set("first", b"value")
        kept = []
        for n in range(400):
            value = bytes([n % 256]) * (20_000 if n % 3 else INLINE + 1)
            if store.set(f"k{n}", value):
                kept.append((f"k{n}", value))
        assert 0 < len(kept) < 400
        assert len(store.warnings) == 1
        assert "full" in store.warnings[0]
        assert store.get("first") == b"value"
        for key, value in kept:
            assert store.get(key) == value
        assert store.get_or_compute("other", lambda: bytes(20_000)) == bytes(20_000)
        assert store.stats().disk.damaged == 0
        (small_disk / "filler").write_bytes(b"")
        store.remove(prefix="k")
        store.clean()
        assert store.get("first") == b"value"
    with open_cache(small_disk, LIMITS) as store:
        assert store.get("first") == b"value"
        assert store.verify().corrupt == ()


def test_a_disk_that_is_full_from_the_start_is_gone_on_without(small_disk: Path) -> None:
    try:
        with open(small_disk / "filler", "wb") as file:
            while True:
                file.write(bytes(4096))
    except OSError:
        pass
    with open_cache(small_disk, LIMITS) as store:
        assert not store.set("key", b"value")
        assert store.get_or_compute("key", lambda: b"made") == b"made"
        assert len(store.warnings) == 1
    (small_disk / "filler").unlink()
    with open_cache(small_disk, LIMITS) as store:
        assert store.set("key", b"value")
        assert store.get("key") == b"value"


def test_a_disk_that_cannot_be_written_is_read(small_disk: Path, slip: Slip) -> None:
    with open_cache(small_disk, LIMITS) as store:
        store.set("key", b"value", sliding=True)
        store.set("old", bytes(INLINE + 1))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with open_cache(small_disk, LIMITS) as store:
        assert store.get("key") == b"value"
        assert store.get("old") == bytes(INLINE + 1)
        assert store.count() == 2
        assert not store.warnings
        assert not store.set("key", b"new")
        assert not store.delete("key")
        assert not store.set("large", bytes(INLINE + 1))
        assert store.get_or_compute("other", lambda: b"made") == b"made"
        assert len(store.warnings) == 1
        assert "cannot be written" in store.warnings[0]
    folder = {"SLIPSTREAM_HOME": str(small_disk)}
    done = slip("cache", "clear", "--force", env=os.environ | folder)
    assert (done.returncode, "cannot be written" in done.stderr) == (1, True)
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    with open_cache(small_disk, LIMITS) as store:
        assert store.get("key") == b"value"


def test_a_read_only_look_at_a_cache_that_others_write_is_never_stale(
    small_disk: Path, tmp_path: Path
) -> None:
    """As a container has it that mounts its host's folder read-only; with and without a log."""
    look = tmp_path / "look"
    look.mkdir()
    with open_cache(small_disk, LIMITS) as writer:
        writer.set("key", b"one")
    subprocess.run(["mount", "--bind", str(small_disk), str(look)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(look)], check=True)
        with open_cache(look, CacheLimits(audit_share=0)) as reader:
            assert reader.get("key") == b"one"
            for value in (b"two", b"three"):
                with open_cache(small_disk, LIMITS) as writer:
                    writer.set("key", value)
                    assert reader.get("key") == value
                    writer.delete("key")
                    assert reader.get("key") is None
                    writer.set("key", value)
                assert reader.get("key") == value
            assert not reader.warnings
    finally:
        subprocess.run(["umount", "-l", str(look)], check=True)
