"""Warming: only what was never read is read, whatever happened in between."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import scratch_git as scratch

from slipstream.storage.cache import CacheStore, open_cache
from slipstream.tasks.indexing import artefacts, parse, references, search, warm
from slipstream.tasks.indexing.model import Snapshot
from slipstream.tasks.indexing.snapshot import Source, open_source
from slipstream.tasks.indexing.warm import Index

FILES = 40


@pytest.fixture
def store(home: Path) -> Iterator[CacheStore]:
    with open_cache(home) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository of `FILES` modules, each with one function."""
    made = scratch.init(tmp_path / "work")
    scratch.commit(
        made, **{f"lib__m{n}_py": f"def f{n}():\n    return {n}\n" for n in range(FILES)}
    )
    return made


def index(path: Path, store: CacheStore, revision: str = "", untracked: bool = False) -> Index:
    return warm.ensure(open_source(str(path), revision, untracked), store)


def parsed(path: Path, store: CacheStore, revision: str = "") -> int:
    return index(path, store, revision).report.parsed


def defined(found: Index, name: str) -> list[str]:
    """Where a name is defined."""
    source = open_source(found.snapshot.root)
    hits = search.search(found.view, name, read=source.read, mode="symbol").hits
    return [hit.path for hit in hits if hit.why == "symbol" and hit.name == name]


def test_nothing_is_parsed_twice(folder: Path, store: CacheStore) -> None:
    assert parsed(folder, store) == FILES
    assert parsed(folder, store) == 0


def test_a_commit_costs_what_it_changed(folder: Path, store: CacheStore) -> None:
    first = index(folder, store)
    scratch.commit(folder, lib__m1_py="def one():\n    pass\n", new_py="def new():\n    pass\n")
    scratch.git(folder, "mv", "lib/m2.py", "lib/renamed.py")
    scratch.commit(folder)
    after = index(folder, store)
    assert after.report.parsed == 2
    assert after.segment == first.segment
    assert defined(after, "one") == ["lib/m1.py"]
    assert defined(after, "f1") == []
    assert defined(after, "f2") == ["lib/renamed.py"]


def test_an_edit_is_parsed_and_one_that_is_undone_or_committed_is_not(
    folder: Path, store: CacheStore
) -> None:
    parsed(folder, store)
    scratch.write(folder, lib__m1_py="def one():\n    pass\n")
    assert parsed(folder, store) == 1
    scratch.git(folder, "commit", "-qam", "one")
    assert parsed(folder, store) == 0
    scratch.git(folder, "checkout", "-q", "HEAD~1")
    assert parsed(folder, store) == 0


def test_branches_worktrees_and_clones_share_everything(
    folder: Path, store: CacheStore, tmp_path: Path
) -> None:
    parsed(folder, store)
    scratch.git(folder, "checkout", "-q", "-b", "side")
    scratch.commit(folder, lib__m1_py="def one():\n    pass\n")
    assert parsed(folder, store) == 1
    scratch.git(folder, "checkout", "-q", "main")
    scratch.git(folder, "worktree", "add", "-q", str(tmp_path / "second"), "side")
    scratch.git(tmp_path, "clone", "-q", str(folder), "clone")
    scratch.git(tmp_path, "clone", "-q", "--bare", str(folder), "bare")
    for path in (folder, tmp_path / "second", tmp_path / "clone", tmp_path / "bare"):
        assert parsed(path, store) == 0
    assert parsed(folder, store, "side") == 0


def test_a_new_segment_is_built_when_much_has_changed(folder: Path, store: CacheStore) -> None:
    first = index(folder, store)
    few = {f"lib__n{n}_py": f"def g{n}():\n    return {n}\n" for n in range(warm.FEW)}
    scratch.commit(folder, **few)
    assert index(folder, store).segment == first.segment
    scratch.commit(folder, lib__one_py="def one():\n    return 1\n")
    second = index(folder, store)
    assert second.report.parsed == 1
    assert second.segment != first.segment
    assert len(second.view.parts) == 1
    scratch.git(folder, "reset", "-q", "--hard", "HEAD~2")
    assert index(folder, store).segment == first.segment


def test_the_nearest_of_several_segments_is_taken(folder: Path, store: CacheStore) -> None:
    """As when one goes back and forth between two branches that have little in common."""
    scratch.git(folder, "checkout", "-q", "--orphan", "other")
    scratch.git(folder, "rm", "-rqf", ".")
    many = {f"lib__n{n}_py": f"def g{n}():\n    return {n}\n" for n in range(warm.FEW + 20)}
    scratch.commit(folder, **many)
    other = index(folder, store).segment
    scratch.git(folder, "checkout", "-q", "main")
    main = index(folder, store).segment
    assert main != other
    for branch, segment in (("other", other), ("main", main)):
        scratch.git(folder, "checkout", "-q", branch)
        scratch.commit(folder, **{f"{branch}_py": "def one():\n    pass\n"})
        scratch.git(folder, "checkout", "-q", "--detach")
        assert index(folder, store).segment == segment


def test_what_is_not_read_is_counted_by_its_reason(
    folder: Path, store: CacheStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPSTREAM_INDEX_MAX_FILE_BYTES", "1000")
    scratch.commit(
        folder,
        lib__large_py="x = 1\n" * 200,
        vendor__dep_py="x = 1\n",
        image_png=b"\x89PNG",
        blob_txt=b"a\0b",
        empty_py="",
    )
    found = index(folder, store)
    assert found.report.skipped == {"large": 1, "vendored": 1, "binary": 2, "empty": 1}
    assert found.report.parsed == FILES + 3
    monkeypatch.setenv("SLIPSTREAM_INDEX_MAX_FILE_BYTES", "2000")
    assert "large" not in index(folder, store).report.skipped


def test_the_content_tells_the_language_where_the_name_does_not(
    folder: Path, store: CacheStore
) -> None:
    text = "def one():\n    pass\n"
    scratch.commit(folder, one_py=text, one_txt=text, plus_h="class Two {};\nnamespace n {}\n")
    (folder / "tool").write_text("#!/usr/bin/env python\ndef three():\n    pass\n")
    scratch.commit(folder)
    found = index(folder, store)
    assert defined(found, "one") == ["one.py"]
    assert defined(found, "three") == ["tool"]
    languages = {
        part.segment.paths.text(row): part.segment.languages.text(part.segment.file_language[row])
        for part in found.view.parts
        for row in part.present()
    }
    assert languages["tool"] == "python"
    assert languages["plus.h"] == "cpp"
    assert languages["one.txt"] == "text"


def test_untracked_files_are_indexed_when_asked_for(folder: Path, store: CacheStore) -> None:
    scratch.write(folder, new_py="def new():\n    pass\n")
    assert defined(index(folder, store), "new") == []
    assert defined(index(folder, store, untracked=True), "new") == ["new.py"]


def test_progress_is_told_up_to_the_end(folder: Path, store: CacheStore) -> None:
    told: list[tuple[int, int]] = []
    warm.ensure(open_source(str(folder)), store, lambda *now: told.append(now))
    assert told[-1] == (FILES, FILES)
    assert told == sorted(told)


def test_what_an_older_version_read_is_read_again(
    folder: Path, store: CacheStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = index(folder, store)
    monkeypatch.setattr(parse, "VERSION", parse.VERSION + 1)
    for cached in (artefacts.producer, artefacts.everything, parse.producer):
        cached.cache_clear()
    try:
        again = index(folder, store)
    finally:
        monkeypatch.undo()
        for cached in (artefacts.producer, artefacts.everything, parse.producer):
            cached.cache_clear()
    assert again.report.parsed == FILES
    assert again.segment != first.segment


def test_contents_that_a_clone_lacks_are_left_out_until_they_come(
    folder: Path, store: CacheStore, tmp_path: Path
) -> None:
    scratch.git(folder, "config", "uploadpack.allowFilter", "true")
    scratch.git(folder, "config", "uploadpack.allowAnySHA1InWant", "true")
    clone = ["clone", "-q", "--filter=blob:none", "--no-checkout", f"file://{folder}", "partial"]
    scratch.git(tmp_path, *clone)
    partial = tmp_path / "partial"
    scratch.git(partial, "sparse-checkout", "set", "--no-cone", "/lib/m1.py")
    scratch.git(partial, "checkout", "-q", "main")
    found = index(partial, store)
    assert not found.complete
    assert len(found.report.missing) == FILES - 1
    assert list(found.files) == ["lib/m1.py"]
    assert defined(found, "f1") == ["lib/m1.py"]
    assert index(partial, store).report.parsed == 0
    scratch.git(partial, "sparse-checkout", "disable")
    found = index(partial, store)
    assert found.complete
    assert defined(found, "f2") == ["lib/m2.py"]


def test_damaged_and_lost_contents_cost_themselves_alone(
    folder: Path, store: CacheStore, tmp_path: Path
) -> None:
    """More of them than git is started anew for."""
    scratch.git(tmp_path, "clone", "-q", "--bare", str(folder), "bare")
    bare = tmp_path / "bare"
    for pack in (bare / "objects" / "pack").glob("*.pack"):
        shutil.move(pack, tmp_path / "pack")
        with (tmp_path / "pack").open("rb") as file:
            subprocess.run(["git", "unpack-objects", "-q"], cwd=bare, stdin=file, check=True)
    names = [scratch.blob(folder, f"lib/m{n}.py") for n in range(FILES)]
    for number, name in enumerate(names[1:], 1):
        object_ = bare / "objects" / name[:2] / name[2:]
        object_.chmod(0o600)
        if number % 2:
            object_.write_bytes(b"damaged")
        elif number % 4:
            object_.unlink()
        else:  # a whole object, of other bytes
            shutil.copy(bare / "objects" / names[0][:2] / names[0][2:], object_)
    found = index(bare, store)
    assert list(found.files) == ["lib/m0.py"]
    assert found.report.missing == set(names[1:])


class Restless(Source):
    """A worktree in which somebody edits a file after each of the first looks."""

    edits = 2

    def snapshot(self, max_age: float = 0.0) -> Snapshot:
        taken = super().snapshot(max_age)
        if self.edits:
            self.edits -= 1
            scratch.write(Path(self.root), lib__m1_py=f"def e{self.edits}():\n    pass\n")
        return taken


@pytest.mark.parametrize(("edits", "complete"), [(2, True), (9, False)])
def test_a_file_that_changes_while_it_is_read_is_looked_at_again(
    folder: Path, store: CacheStore, edits: int, complete: bool
) -> None:
    scratch.write(folder, lib__m1_py="def before():\n    pass\n")
    opened = open_source(str(folder))
    source = Restless(opened.root, opened._git, None, 0.1)
    source.edits = edits
    found = warm.ensure(source, store)
    assert found.complete == complete
    assert defined(found, "before") == []
    assert defined(found, "e0") == (["lib/m1.py"] if complete else [])


def test_a_cache_that_keeps_nothing_changes_nothing_but_the_time(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    with open_cache(tmp_path / "home") as useless:
        for _ in range(2):
            found = index(folder, useless)
            assert found.report.parsed == FILES
            assert defined(found, "f3") == ["lib/m3.py"]


def test_entries_that_are_gone_are_made_again(folder: Path, store: CacheStore) -> None:
    """The segment alone, then the artefacts alone, then between planning and publishing."""
    index(folder, store)
    store.remove(prefix="v1::segment::")
    assert parsed(folder, store) == 0
    store.remove(prefix="v1::parse::")
    assert parsed(folder, store) == 0
    store.remove(prefix="v1::segment::")
    source = open_source(str(folder))
    planned = warm.plan(source, source.snapshot(), store)
    assert len(planned.missing) == FILES
    report = warm.index_batch(source, planned.missing, store)
    store.remove(prefix="v1::parse::")
    found = warm.publish(source, planned, report._replace(made={}), store)
    assert defined(found, "f3") == ["lib/m3.py"]


def test_a_planned_segment_that_is_gone_is_built_again(folder: Path, store: CacheStore) -> None:
    index(folder, store)
    scratch.write(folder, lib__m1_py="def one():\n    pass\n")
    source = open_source(str(folder))
    planned = warm.plan(source, source.snapshot(), store)
    assert planned.base
    store.remove(prefix="v1::segment::")
    found = warm.publish(source, planned, warm.index_batch(source, planned.missing, store), store)
    assert defined(found, "one") == ["lib/m1.py"]
    assert defined(found, "f2") == ["lib/m2.py"]


def test_values_that_are_no_segment_reference_manifest_or_artefact_are_made_again(
    folder: Path, store: CacheStore
) -> None:
    found = index(folder, store)
    store.set(found.segment, b"something else")
    for key in store.keys(prefix="v1::reference::"):
        store.set(key, b"something else")
    for key in store.keys(prefix="v1::manifest::"):
        store.set(key, b"something else")
    for key in list(store.keys(prefix="v1::parse::"))[:2]:
        store.set(key, b"something else")
    again = index(folder, store)
    assert again.report.parsed == 0
    assert defined(again, "f3") == ["lib/m3.py"]


def test_only_so_many_references_are_kept_of_a_repository(store: CacheStore) -> None:
    for number in range(references.KEPT + 5):
        snapshot = Snapshot("r", "w", "/", "c", "c", f"b{number}", {})
        references.remember(store, snapshot, "p", f"s{number}")
        references.remember(store, snapshot, "p", f"s{number}")
    kept = references.load(store, "r", "p")
    assert len(kept) == references.KEPT
    assert kept[0].segment == f"s{references.KEPT + 4}"
    assert references.candidates(kept, snapshot._replace(branch="b9"))[0] == "s9"


PROGRAM = """
import sys
from slipstream.storage.cache import open_cache
from slipstream.tasks.indexing import warm
from slipstream.tasks.indexing.snapshot import open_source
with open_cache() as store:
    tell = lambda done, total: print(done, flush=True)
    found = warm.ensure(open_source(sys.argv[1]), store, tell, workers=1)
print("parsed", found.report.parsed, len(found.files), found.view.chunks)
"""


def start(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A repository that takes a second or so."""
    body = "".join(f"    x{n} = g{n}(x)\n" for n in range(60))
    made = scratch.init(tmp_path / "many")
    scratch.commit(made, **{f"m{n}_py": f"def f{n}(x):\n{body}" for n in range(4 * warm.BATCH)})
    return made


def test_two_at_once_are_both_right_and_share_the_work(many: Path, home: Path) -> None:
    both = [start(many), start(many)]
    said = [each.communicate(timeout=120)[0].split() for each in both]
    ends = [words[words.index("parsed") + 1 :] for words in said]
    assert {tuple(end[1:]) for end in ends} == {tuple(ends[0][1:])}
    assert sum(int(end[0]) for end in ends) < 2 * 4 * warm.BATCH
    assert sum(int(end[0]) for end in ends) >= 4 * warm.BATCH


def test_what_was_stored_before_a_kill_counts(many: Path, home: Path, unmeasured: None) -> None:
    first = start(many)
    assert first.stdout
    done = int(first.stdout.readline())
    first.kill()
    first.communicate()
    assert done >= warm.BATCH
    with open_cache(home) as store:
        assert parsed(many, store) <= 4 * warm.BATCH - done
        assert parsed(many, store) == 0


def test_threads_of_one_process_may_warm_at_once(folder: Path, store: CacheStore) -> None:
    found: list[Index] = []
    threads = [
        threading.Thread(target=lambda: found.append(index(folder, store))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(each.files) for each in found] == [FILES] * 4
    assert {defined(each, "f3")[0] for each in found} == {"lib/m3.py"}


def test_an_empty_repository_has_an_empty_index(tmp_path: Path, store: CacheStore) -> None:
    found = index(scratch.init(tmp_path / "empty"), store)
    assert found.files == {}
    assert found.complete
    assert defined(found, "anything") == []


def test_a_plain_folder_is_indexed_without_git(
    tmp_path: Path, store: CacheStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch.write(tmp_path / "plain", a_py="def one():\n    pass\n")
    monkeypatch.setenv("PATH", os.devnull)
    found = index(tmp_path / "plain", store)
    assert defined(found, "one") == ["a.py"]
    assert parsed(tmp_path / "plain", store) == 0
