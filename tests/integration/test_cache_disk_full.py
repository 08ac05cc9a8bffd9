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


def test_a_disk_that_cannot_be_written_is_gone_on_without(small_disk: Path) -> None:
    with open_cache(small_disk, LIMITS) as store:
        store.set("key", b"value")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with open_cache(small_disk, LIMITS) as store:
        assert store.get("key") in (None, b"value")
        assert not store.set("key", b"new")
        assert not store.set("large", bytes(INLINE + 1))
        assert store.get_or_compute("other", lambda: b"made") == b"made"
        assert len(store.warnings) == 1
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    with open_cache(small_disk, LIMITS) as store:
        assert store.get("key") == b"value"
