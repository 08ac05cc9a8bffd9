"""The state of a repository: the commit, what differs from it, and the names of contents."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import unicodedata
from pathlib import Path

import pytest
import scratch_git as scratch

from slipstream.storage.errors import NotFoundError, UsageError
from slipstream.tasks.indexing import content, keys, status
from slipstream.tasks.indexing.model import Snapshot
from slipstream.tasks.indexing.snapshot import HEAD_SECONDS, Source, open_source

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = scratch.init(tmp_path / "work")
    scratch.commit(made, a_py="one\n", lib__b_py="two\n")
    return made


def look(path: Path, revision: str = "", untracked: bool = False) -> tuple[Source, Snapshot]:
    source = open_source(str(path), revision, untracked)
    return source, source.snapshot()


def changes(folder: Path, untracked: bool = False) -> dict[str, str | None]:
    return dict(look(folder, untracked=untracked)[1].changed)


def files(path: Path, revision: str = "", untracked: bool = False) -> dict[str, str]:
    source, snapshot = look(path, revision, untracked)
    return dict(source.files(snapshot))


def named(folder: Path, path: str) -> str:
    return scratch.blob(folder, path)


def test_a_clean_worktree_is_its_commit(folder: Path) -> None:
    _, snapshot = look(folder)
    assert snapshot.commit == snapshot.part == scratch.git(folder, "rev-parse", "HEAD")
    assert snapshot.branch == "main"
    assert snapshot.changed == {}
    assert files(folder) == {"a.py": named(folder, "a.py"), "lib/b.py": named(folder, "lib/b.py")}


def test_an_edit_is_known_by_its_content_staged_or_not(folder: Path) -> None:
    scratch.write(folder, a_py="new\n")
    edited = look(folder)[1]
    assert edited.changed == {"a.py": named(folder, "a.py")}
    assert edited.part.startswith(f"{edited.commit}-dirty-")
    scratch.git(folder, "add", "a.py")
    assert look(folder)[1].part == edited.part
    scratch.write(folder, a_py="other\n")
    assert changes(folder) == {"a.py": named(folder, "a.py")}


def test_a_file_that_is_changed_back_or_only_touched_is_not_changed(folder: Path) -> None:
    scratch.write(folder, a_py="new\n")
    scratch.git(folder, "add", "a.py")
    scratch.write(folder, a_py="one\n")  # staged otherwise, and as committed in the worktree
    os.utime(folder / "lib" / "b.py", (1, 1))
    (folder / "lib" / "b.py").chmod(0o755)
    assert changes(folder) == {}


def test_deleted_files_are_gone_staged_or_not(folder: Path) -> None:
    (folder / "a.py").unlink()
    scratch.git(folder, "rm", "-q", "lib/b.py")
    assert changes(folder) == {"a.py": None, "lib/b.py": None}
    assert files(folder) == {}


def test_a_file_that_git_no_longer_tracks_is_gone_unless_untracked_ones_count(
    folder: Path,
) -> None:
    scratch.git(folder, "rm", "-q", "--cached", "a.py")
    assert changes(folder) == {"a.py": None}
    assert "a.py" in files(folder, untracked=True)


def test_a_rename_is_one_file_less_and_one_more(folder: Path) -> None:
    before = named(folder, "a.py")
    scratch.git(folder, "mv", "a.py", "c.py")
    assert changes(folder) == {"a.py": None, "c.py": before}


def test_a_file_that_is_only_meant_to_be_added_counts_as_it_is(folder: Path) -> None:
    scratch.write(folder, new_py="new\n")
    scratch.git(folder, "add", "-N", "new.py")
    assert changes(folder) == {"new.py": named(folder, "new.py")}


def test_a_file_that_was_added_and_deleted_again_is_nothing(folder: Path) -> None:
    scratch.write(folder, new_py="new\n")
    scratch.git(folder, "add", "new.py")
    (folder / "new.py").unlink()
    assert changes(folder) == {}


def test_conflicts_count_as_they_stand_in_the_worktree(folder: Path) -> None:
    scratch.git(folder, "checkout", "-q", "-b", "side")
    scratch.commit(folder, a_py="side\n", lib__b_py="side\n")
    scratch.git(folder, "checkout", "-q", "main")
    (folder / "lib" / "b.py").unlink()
    scratch.commit(folder, a_py="main\n")
    scratch.git(folder, "merge", "-q", "side", check=False)
    found = changes(folder)
    assert "<<<<" in (folder / "a.py").read_text()
    assert found["a.py"] == named(folder, "a.py")
    assert found["lib/b.py"] == named(folder, "lib/b.py")
    (folder / "a.py").unlink()
    assert changes(folder)["a.py"] is None


def test_a_link_is_its_target_and_a_pipe_is_nothing(folder: Path) -> None:
    for name in ("a.py", "lib/b.py"):
        (folder / name).unlink()
    (folder / "a.py").symlink_to("lib/nowhere.py")
    os.mkfifo(folder / "lib" / "b.py")
    link = content.name_of(b"lib/nowhere.py", "sha1")
    assert changes(folder) == {"a.py": link, "lib/b.py": None}
    source, snapshot = look(folder)
    assert list(source.read(source.files(snapshot).items())) == [("a.py", link, b"lib/nowhere.py")]


def test_a_file_that_became_a_folder_and_a_folder_that_became_a_file(folder: Path) -> None:
    (folder / "a.py").unlink()
    (folder / "lib" / "b.py").unlink()
    (folder / "lib").rmdir()
    scratch.write(folder, a_py__inner_py="inner\n")
    os.rename(folder / "a_py", folder / "a.py")
    (folder / "lib").write_text("file\n")
    assert changes(folder) == {"a.py": None, "lib/b.py": None}
    scratch.git(folder, "add", "-A")
    assert files(folder) == {
        "a.py/inner.py": named(folder, "a.py/inner.py"),
        "lib": named(folder, "lib"),
    }


def test_a_changed_file_that_cannot_be_read_is_left_out_and_told(folder: Path) -> None:
    """A pipe stands for it: root, who may run this, reads everything else."""
    (folder / "a.py").unlink()
    os.mkfifo(folder / "a.py")
    record = f"1 .M N... 100644 100644 100644 {'1' * 40} {'1' * 40} a.py\0".encode()
    found = status.parse(record, str(folder), "sha1")
    assert found.changed == {"a.py": None}
    assert found.unreadable == ["a.py"]


def test_a_file_that_git_cannot_read_any_more_is_left_out(folder: Path) -> None:
    """A link in a folder's place leads out of the repository: git calls what was there deleted."""
    outside = folder.parent / "outside"
    scratch.write(outside, b_py="secret\n")
    (folder / "lib" / "b.py").unlink()
    (folder / "lib").rmdir()
    (folder / "lib").symlink_to(outside)
    assert changes(folder) == {"lib/b.py": None}


def test_what_a_sparse_checkout_leaves_out_is_there_all_the_same(folder: Path) -> None:
    scratch.git(folder, "sparse-checkout", "set", "--no-cone", "/a.py")
    assert not (folder / "lib").exists()
    source, snapshot = look(folder)
    assert snapshot.changed == {}
    read = {path: data for path, _, data in source.read(source.files(snapshot).items())}
    assert read == {"a.py": b"one\n", "lib/b.py": b"two\n"}


def test_a_file_that_git_is_told_to_take_as_unchanged_is_the_commits(folder: Path) -> None:
    scratch.git(folder, "update-index", "--assume-unchanged", "a.py")
    scratch.write(folder, a_py="hidden\n")
    source, snapshot = look(folder)
    assert snapshot.changed == {}
    assert ("a.py", b"one\n") in [(p, d) for p, _, d in source.read(source.files(snapshot).items())]


def test_turned_line_ends_are_no_change_and_the_blob_is_what_counts(folder: Path) -> None:
    scratch.git(folder, "config", "core.autocrlf", "true")
    (folder / "a.py").unlink()
    scratch.git(folder, "checkout", "-q", "--", "a.py")
    assert (folder / "a.py").read_bytes() == b"one\r\n"
    source, snapshot = look(folder)
    assert snapshot.changed == {}
    assert ("a.py", b"one\n") in [(p, d) for p, _, d in source.read(source.files(snapshot).items())]


def test_untracked_files_count_when_asked_for_ignored_ones_never(folder: Path) -> None:
    scratch.commit(folder, x_gitignore="*.log\n")
    os.rename(folder / "x.gitignore", folder / ".gitignore")
    scratch.commit(folder)
    scratch.write(folder, new_py="new\n", noise_log="x\n", deep__er_py="deep\n")
    scratch.commit(scratch.init(folder / "inner"), c_py="inner\n")
    assert changes(folder) == {}
    assert changes(folder, untracked=True) == {
        "new.py": named(folder, "new.py"),
        "deep/er.py": named(folder, "deep/er.py"),
    }


def test_submodules_are_left_out_and_have_snapshots_of_their_own(
    folder: Path, tmp_path: Path
) -> None:
    inner = scratch.init(tmp_path / "inner")
    scratch.commit(inner, c_py="inner\n")
    add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "sub"]
    scratch.git(folder, *add)
    assert list(changes(folder)) == [".gitmodules"]
    scratch.commit(folder)
    scratch.commit(folder / "sub", c_py="newer\n")
    assert changes(folder) == {}
    assert list(files(folder)) == [".gitmodules", "a.py", "lib/b.py"]
    below = look(folder / "sub")[1]
    assert below.commit == scratch.git(folder / "sub", "rev-parse", "HEAD")
    assert below.repository != look(folder)[1].repository
    scratch.git(folder, "rm", "-q", "--cached", "sub")
    os.rename(folder / "sub", tmp_path / "away")
    (folder / "sub").write_text("a file now\n")
    assert "sub" not in changes(folder)
    scratch.git(folder, "add", "sub")
    assert changes(folder)["sub"] == named(folder, "sub")


def test_worktrees_are_of_one_repository_and_have_changes_of_their_own(
    folder: Path, tmp_path: Path
) -> None:
    scratch.git(folder, "worktree", "add", "-q", "-b", "side", str(tmp_path / "second"))
    scratch.write(folder, a_py="new\n")
    first, second = look(folder)[1], look(tmp_path / "second")[1]
    assert first.repository == second.repository
    assert first.worktree != second.worktree
    assert second.branch == "side"
    assert second.part == first.commit != first.part


def test_a_link_to_a_repository_is_the_repository(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert look(tmp_path / "link" / "lib")[1] == look(folder)[1]
    assert open_source(str(tmp_path / "link" / "a.py")).root == str(folder)


def test_a_detached_head_has_no_branch(folder: Path) -> None:
    scratch.git(folder, "checkout", "-q", "--detach")
    _, snapshot = look(folder)
    assert snapshot.branch == ""
    assert snapshot.part == scratch.git(folder, "rev-parse", "HEAD")


def test_an_empty_repository_stands_for_the_empty_tree(tmp_path: Path) -> None:
    empty = scratch.init(tmp_path / "empty")
    tree = scratch.git(empty, "hash-object", "-t", "tree", os.devnull)
    _, snapshot = look(empty)
    assert (snapshot.commit, snapshot.part) == ("", tree)
    assert files(empty) == {}
    scratch.write(empty, a_py="one\n")
    scratch.git(empty, "add", ".")
    assert files(empty) == {"a.py": named(empty, "a.py")}
    assert look(empty)[1].part.startswith(f"{tree}-dirty-")
    bare = scratch.init(tmp_path / "bare", "--bare")
    assert look(bare)[1].part == tree
    assert files(bare) == {}


def test_a_bare_repository_is_its_head(folder: Path, tmp_path: Path) -> None:
    scratch.git(tmp_path, "clone", "-q", "--bare", str(folder), "bare")
    source, snapshot = look(tmp_path / "bare")
    assert snapshot.commit == snapshot.part == scratch.git(folder, "rev-parse", "HEAD")
    assert snapshot.worktree == ""
    read = {path: data for path, _, data in source.read(source.files(snapshot).items())}
    assert read == {"a.py": b"one\n", "lib/b.py": b"two\n"}


def test_a_repository_with_long_names_is_read_like_any_other(tmp_path: Path) -> None:
    """Its objects are named by SHA-256, and so are the contents that are named here."""
    folder = scratch.init(tmp_path / "long", "--object-format=sha256")
    scratch.commit(folder, a_py="one\n", b_py="two\n")
    scratch.write(folder, a_py="new\n")
    source, snapshot = look(folder)
    assert snapshot.changed == {"a.py": named(folder, "a.py")}
    assert len(snapshot.commit) == 64
    assert source.form == "sha256"
    read = {path: data for path, _, data in source.read(source.files(snapshot).items())}
    assert read == {"a.py": b"new\n", "b.py": b"two\n"}
    assert len(keys.for_path(snapshot, source.files(snapshot), "a.py", "symbols", {})) <= 256


def test_a_revision_is_looked_at_whatever_the_worktree_holds(folder: Path) -> None:
    old = files(folder)
    scratch.commit(folder, a_py="newer\n", c_py="more\n")
    scratch.write(folder, a_py="dirty\n")
    source, snapshot = look(folder, "HEAD~1")
    assert snapshot.part == scratch.git(folder, "rev-parse", "HEAD~1")
    assert dict(source.files(snapshot)) == old
    read = {path: data for path, _, data in source.read(old.items())}
    assert read == {"a.py": b"one\n", "lib/b.py": b"two\n"}


def test_an_unknown_revision_is_one_sentence_with_the_nearest_name(folder: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no commit 'mian' .* did you mean main\?"):
        open_source(str(folder), "mian")
    with pytest.raises(NotFoundError, match="git log"):
        open_source(str(folder), "zzzzzz")


def test_a_revision_outside_git_and_a_path_that_is_none_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no revision 'main'.*is in no git repository"):
        open_source(str(tmp_path), "main")
    for path in (tmp_path / "gone", tmp_path / "gone" / "further"):
        with pytest.raises(NotFoundError, match="does not exist"):
            open_source(str(path))


def test_a_path_is_found_from_anywhere_and_outside_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, snapshot = look(folder)
    there = source.files(snapshot)
    (tmp_path / "link").symlink_to(folder / "lib")
    monkeypatch.chdir(folder / "lib")
    for path in ("b.py", "../lib/b.py", str(tmp_path / "link" / "b.py")):
        assert source.locate(path, there) == "lib/b.py"
    assert source.relative("..") == ""
    with pytest.raises(NotFoundError, match="not among the files"):
        source.locate("c.py", there)
    with pytest.raises(UsageError, match="lies outside"):
        source.locate(str(tmp_path / "elsewhere.py"), there)


def test_names_that_are_not_ascii_or_not_utf8_are_files_like_others(folder: Path) -> None:
    apart = unicodedata.normalize("NFD", "ü.py")
    odd = os.fsencode(folder) + b"/\xff.py"
    (folder / apart).write_text("apart\n")
    with open(odd, "wb") as file:
        file.write(b"odd\n")
    (folder / "with\nline and\ttab.py").write_text("line\n")
    source, snapshot = look(folder, untracked=True)
    assert {apart, "\udcff.py", "with\nline and\ttab.py"} == snapshot.changed.keys()
    scratch.commit(folder)
    source, snapshot = look(folder)
    assert snapshot.changed == {}
    there = source.files(snapshot)
    assert {apart, "\udcff.py", "with\nline and\ttab.py"} <= there.keys()
    assert {data for _, _, data in source.read(there.items())} >= {b"apart\n", b"odd\n", b"line\n"}
    composed = str(folder / unicodedata.normalize("NFC", apart))
    assert source.locate(composed, there) == apart


def test_edits_within_one_second_and_of_one_size_are_seen(folder: Path) -> None:
    """Times in the index have no more than seconds in many builds of git."""
    for text in ("aaa\n", "bbb\n", "ccc\n"):
        scratch.write(folder, a_py=text)
        scratch.git(folder, "add", "a.py")
        before = os.stat(folder / "a.py")
        scratch.write(folder, a_py=text.swapcase())
        os.utime(folder / "a.py", ns=(before.st_atime_ns, before.st_mtime_ns))
        assert changes(folder) == {"a.py": named(folder, "a.py")}


def test_one_look_serves_many_keys_until_git_s_own_files_change(folder: Path) -> None:
    source, first = look(folder)
    scratch.write(folder, a_py="unseen\n")
    assert source.snapshot(HEAD_SECONDS) is first
    assert source.snapshot().changed
    again = source.snapshot(HEAD_SECONDS)
    scratch.git(folder, "commit", "-qam", "more")
    assert source.snapshot(HEAD_SECONDS).commit != again.commit


def test_a_moved_branch_is_seen_at_once_even_when_refs_are_packed(folder: Path) -> None:
    source, first = look(folder)
    scratch.git(folder, "pack-refs", "--all")
    source.snapshot(HEAD_SECONDS)
    scratch.git(folder, "update-ref", "refs/heads/main", scratch.commit(folder, a_py="x\n"))
    assert source.snapshot(HEAD_SECONDS).commit != first.commit


def plain(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_outside_git_files_are_known_by_their_sha256(tmp_path: Path) -> None:
    scratch.write(tmp_path / "plain", a_py="one\n", lib__b_py="two\n")
    source, snapshot = look(tmp_path / "plain")
    assert source.files(snapshot) == {"a.py": plain(b"one\n"), "lib/b.py": plain(b"two\n")}
    assert snapshot.part.startswith("files-")
    assert source.form == "plain"
    assert snapshot.commit == source.problem == ""
    assert {data for _, _, data in source.read(source.files(snapshot).items())} == {
        b"one\n",
        b"two\n",
    }
    scratch.write(tmp_path / "plain", a_py="new\n")
    assert source.snapshot().part != snapshot.part


def test_a_refused_repository_is_read_as_a_folder_and_the_user_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    source, snapshot = look(folder)
    assert "safe.directory" in source.problem
    assert list(source.files(snapshot)) == ["a.py", "lib/b.py"]


def test_a_repository_whose_commit_is_damaged_is_read_as_a_folder(folder: Path) -> None:
    head = scratch.git(folder, "rev-parse", "HEAD^{tree}")
    (folder / ".git" / "objects" / head[:2] / head[2:]).unlink()
    source, snapshot = look(folder)
    assert source.files(snapshot) == {"a.py": plain(b"one\n"), "lib/b.py": plain(b"two\n")}
    assert "All files are read instead." in source.problem
    with pytest.raises(NotFoundError, match="cannot be listed"):
        files(folder, "HEAD")


def test_a_key_of_a_path_stands_on_its_content_when_git_is_slow(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever happens elsewhere in the repository, then; the whole of it is worth the wait."""
    source = open_source(str(folder))
    quick = source.key("lib/b.py", "symbols", {"v": 1})
    assert keys.parse_key(quick).commit == scratch.git(folder, "rev-parse", "HEAD")
    late = tmp_path / "bin" / "git"
    late.parent.mkdir()
    late.write_text(f'#!/bin/sh\nsleep 0.3\nexec {shutil.which("git")} "$@"\n')
    late.chmod(0o755)
    monkeypatch.setenv("PATH", f"{late.parent}:{os.environ['PATH']}")
    source = open_source(str(folder))
    assert source.snapshot().commit
    source = open_source(str(folder))
    slow = source.key("lib/b.py", "symbols", {"v": 1})
    assert keys.parse_key(slow).part.startswith("files-")
    scratch.write(folder, a_py="other\n")
    assert source.key("lib/b.py", "symbols", {"v": 1}) == slow
    scratch.write(folder, lib__b_py="other\n")
    assert source.key("lib/b.py", "symbols", {"v": 1}) != slow
    assert source.key("lib", "map", {}) != source.key("", "map", {})
    with pytest.raises(keys.KeyNotComputable):
        source.key("gone.py", "symbols", {})


def test_modes_of_files_are_left_alone_by_looking(folder: Path) -> None:
    (folder / "a.py").chmod(0o400)
    files(folder)
    assert stat.S_IMODE((folder / "a.py").stat().st_mode) == 0o400


def test_a_shallow_clone_and_a_tag_are_looked_at_like_any_other(
    folder: Path, tmp_path: Path
) -> None:
    scratch.commit(folder, a_py="newer\n")
    scratch.git(folder, "tag", "-a", "v1", "-m", "one")
    scratch.git(tmp_path, "clone", "-q", "--depth=1", "-b", "v1", f"file://{folder}", "shallow")
    _, snapshot = look(tmp_path / "shallow")
    assert snapshot.part == scratch.git(folder, "rev-parse", "HEAD")
    assert files(tmp_path / "shallow") == files(folder)
    assert look(tmp_path / "shallow", "v1")[1].part == snapshot.part
    with pytest.raises(NotFoundError):
        open_source(str(tmp_path / "shallow"), "v1~1")
