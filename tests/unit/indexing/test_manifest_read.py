"""Contents by name: what comes back always has the name that was asked for, and nothing hangs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import scratch_git as scratch
from hypothesis import given
from hypothesis import strategies as st

from slipstream.tasks.indexing import content, git, read

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = scratch.init(tmp_path / "work")
    scratch.commit(made, a_py="one\n", large_bin=bytes(3 << 20), empty_txt="")
    return made


def contents(
    folder: Path, pairs: list[tuple[str, str]], limit: int | None = None, timeout: float = 10
) -> dict[str, bytes | None]:
    repository = git.discover(str(folder), 10)
    found = read.contents(repository, repository.root, pairs, limit, timeout)
    return {path: data for path, _, data in found}


@given(st.binary(max_size=100), st.sampled_from(["sha1", "sha256", "plain"]))
def test_names_are_those_of_the_bytes(data: bytes, form: content.Form) -> None:
    import hashlib

    blob = b"blob %d\0%b" % (len(data), data)
    expected = {
        "sha1": hashlib.sha1(blob).hexdigest(),
        "sha256": hashlib.sha256(blob).hexdigest(),
        "plain": hashlib.sha256(data).hexdigest(),
    }
    assert content.name_of(data, form) == expected[form]


def test_a_file_is_read_as_git_names_it_whatever_its_size(folder: Path) -> None:
    for path in ("a.py", "large.bin", "empty.txt"):
        found = content.read(str(folder / path), "sha1")
        assert found
        assert found == (scratch.blob(folder, path), (folder / path).read_bytes())
        beginning = content.read(str(folder / path), "sha1", 2)
        assert beginning == (found[0], found[1][:2])


def test_what_is_no_file_is_not_read(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    for path in ("pipe", "gone", ".git"):
        assert content.read(str(folder / path), "sha1") is None


def test_a_file_that_grows_while_it_is_read_is_not_read(folder: Path, tmp_path: Path) -> None:
    """Such as those of /proc, whose size is 0 and whose content is not."""
    if not os.path.exists("/proc/self/status"):
        pytest.skip("no /proc")
    assert content.read("/proc/self/status", "sha1") is None


def test_the_worktree_is_read_only_where_it_has_the_content(folder: Path) -> None:
    name = scratch.blob(folder, "a.py")
    scratch.write(folder, a_py="changed\n")
    assert contents(folder, [("a.py", name), ("elsewhere", name)]) == {
        "a.py": b"one\n",
        "elsewhere": b"one\n",
    }


def test_more_than_fits_into_a_pipe_is_read(folder: Path) -> None:
    files = {f"m{n}_py": f"x = {n}\n" * 200 for n in range(3 * read.AT_ONCE)}
    scratch.commit(folder, **files)
    names = scratch.git(folder, "ls-tree", "-r", "HEAD").splitlines()
    pairs = [(line.split("\t")[1], line.split()[2]) for line in names]
    scratch.git(folder, "rm", "-q", "-r", ".")
    found = contents(folder, pairs, limit=10)
    assert len(found) == len(pairs) > 2 * read.AT_ONCE
    assert found["m7.py"] == b"x = 7\nx = "
    assert found["large.bin"] == bytes(10)
    assert found["empty.txt"] == b""


def test_what_is_not_there_and_what_is_no_blob_is_missing(folder: Path) -> None:
    tree = scratch.git(folder, "rev-parse", "HEAD^{tree}")
    (folder / "a.py").unlink()
    name = scratch.git(folder, "rev-parse", "HEAD:a.py")
    pairs = [("x", "0" * 40), ("tree", tree), ("a.py", name)]
    assert contents(folder, pairs) == {"x": None, "tree": None, "a.py": b"one\n"}


def test_a_git_that_hangs_or_cannot_be_run_is_not_waited_for(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = scratch.git(folder, "rev-parse", "HEAD:a.py")
    repository = git.discover(str(folder), 10)._replace(worktree=False)
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    pairs = [("a.py", name), ("b.py", "1" * 40)]
    missing = [("a.py", name, None), ("b.py", "1" * 40, None)]
    assert list(read.contents(repository, str(folder), pairs, None, 0.1)) == missing
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(read.contents(repository, str(folder), pairs, None, 10)) == missing


def test_a_git_that_ends_again_and_again_is_given_up(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This one says that it has every object, and then breaks off at each."""
    names = [f"{n:040x}" for n in range(3 * read.MAX_RESTARTS)]
    repository = git.discover(str(folder), 10)._replace(worktree=False)
    (tmp_path / "names").write_text("\n".join(names))
    tries = tmp_path / "tries"
    breaking = tmp_path / "bin" / "git"
    breaking.parent.mkdir()
    breaking.write_text(
        f'#!/bin/sh\ncase "$*" in *all-objects*) cat {tmp_path / "names"};;'
        f" *) echo >> {tries}; read line; echo $line blob 9999;; esac\n"
    )
    breaking.chmod(0o755)
    monkeypatch.setenv("PATH", f"{breaking.parent}:{os.environ['PATH']}")
    found = list(read.contents(repository, str(folder), [("a", n) for n in names], None, 10))
    assert [data for _, _, data in found] == [None] * len(names)
    assert len(tries.read_text()) == read.MAX_RESTARTS + 1
