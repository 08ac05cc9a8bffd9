"""Manifests: what a commit holds, packed, kept, and read back as it was."""

from __future__ import annotations

from pathlib import Path

import msgpack
import pytest
import scratch_git as scratch
from hypothesis import given
from hypothesis import strategies as st

from slipstream.storage.cache import open_cache
from slipstream.tasks.indexing import git, manifest
from slipstream.tasks.indexing.manifest import Manifest

names = st.text(st.characters(exclude_characters="\0", exclude_categories=()), min_size=1)


@pytest.mark.parametrize("length", [40, 64])
@given(data=st.data())
def test_a_manifest_is_read_back_as_it_was_packed(length: int, data: st.DataObject) -> None:
    """Whatever bytes its paths are made of, in either hash, and in its order."""
    digits = st.text("0123456789abcdef", min_size=length, max_size=length)
    files = data.draw(st.dictionaries(names, digits, max_size=8))
    made = Manifest(files, data.draw(st.integers(0, 9)), data.draw(st.integers(0, 9)))
    again = manifest.unpack(manifest.pack(made))
    assert again == made
    assert again
    assert list(again.files) == list(files)


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xc1",
        msgpack.packb(1),
        msgpack.packb((manifest.VERSION + 1, 0, 0, b"", b"")),
        msgpack.packb((manifest.VERSION, 0, 0, b"a\0b", b"123")),
        msgpack.packb((manifest.VERSION, 0, 0, 1, b"")),
        manifest.pack(Manifest({"a": "0" * 40}, 0, 0))[:-1],
    ],
)
def test_what_is_no_manifest_is_read_anew(packed: bytes, home: Path) -> None:
    assert manifest.unpack(packed) is None


def test_a_commit_is_listed_once(tmp_path: Path, home: Path) -> None:
    """Links are files, submodules are not; both are counted."""
    folder = scratch.init(tmp_path / "work")
    inner = scratch.init(tmp_path / "inner")
    scratch.commit(inner, c_py="inner\n")
    (folder / "link").symlink_to("a.py")
    scratch.git(
        folder, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "sub"
    )
    commit = scratch.commit(folder, a_py="one\n", lib__b_py="two\n")
    repository = git.discover(str(folder), 10)
    with open_cache(home) as store:
        first = manifest.load(repository, commit, store, 10)
        assert list(first.files) == [".gitmodules", "a.py", "lib/b.py", "link"]
        assert (first.links, first.submodules) == (1, 1)
        scratch.git(folder, "update-ref", "-d", "HEAD")
        scratch.git(folder, "reflog", "expire", "--expire=now", "--all")
        scratch.git(folder, "gc", "-q", "--prune=now")
        assert manifest.load(repository, commit, store, 10) == first
    with pytest.raises(git.GitError):
        manifest.load(repository, commit, None, 10)
