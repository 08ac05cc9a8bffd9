"""Files of a plain folder: all but what its `.gitignore` files name, just as in a repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import scratch_git as scratch

from slipstream.storage.errors import UsageError
from slipstream.tasks.indexing import content, folder

pytestmark = pytest.mark.usefixtures("home")

FILES = """
a.py a.pyc keep.pyc build/x.py build/keep.py docs/build/y.py docs/a.md docs/deep/b.md top.txt
docs/top.txt sub/a.pyc sub/deep/c.log sub/deep/keep.log #odd !odd spaced\\ name.txt cache/k.bin
cache/.keep ünï.tmp x.TMP
""".replace("\\ ", "\0").split()
RULES = {
    ".gitignore": "# comment\n*.pyc\n!keep.pyc\n/build/*\n!/build/keep.py\n/top.txt\n*.tmp\n"
    "\\#odd\n\\!odd\ncache/*\n!cache/.keep\n",
    "docs/.gitignore": "build/\n/deep\n",
    "sub/.gitignore": "!a.pyc\n*.log\n",
    "sub/deep/.gitignore": "!keep.log\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / "tree" / name.replace("\0", " ")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    for name, text in RULES.items():
        (tmp_path / "tree" / name).write_text(text)
    return tmp_path / "tree"


def test_the_same_files_are_ignored_as_by_git(tree: Path) -> None:
    found = sorted(folder.walk(str(tree)))
    scratch.init(tree)
    listed = scratch.git(tree, "ls-files", "-z", "--others", "--exclude-standard")
    assert found == sorted(listed.split("\0")[:-1])
    assert "sub/a.pyc" in found
    assert "docs/deep/b.md" not in found


def test_links_are_files_and_not_followed_and_what_is_no_file_is_passed_over(tree: Path) -> None:
    outside = tree.parent / "outside"
    scratch.write(outside, secret_py="x\n")
    (tree / "away").symlink_to(outside)
    (tree / "loop").symlink_to(".")
    os.mkfifo(tree / "pipe")
    scratch.init(tree / "nested")
    found = folder.names(str(tree))
    assert found["away"] == content.name_of(os.fsencode(outside), "plain")
    assert "loop" in found
    assert not {"pipe", "away/secret.py"} & found.keys()
    assert not [path for path in found if ".git/" in path]


def test_a_part_of_a_folder_is_what_the_whole_has_there(tree: Path) -> None:
    whole = folder.names(str(tree))
    for below in ("docs", "sub/deep", "a.py"):
        part = folder.names(str(tree), below)
        assert part
        assert part == {p: n for p, n in whole.items() if f"{p}/".startswith(f"{below}/")}


def test_ignore_files_that_make_no_sense_are_passed_over(tree: Path) -> None:
    (tree / "sub" / ".gitignore").unlink()
    (tree / "sub" / ".gitignore").mkdir()
    (tree / "docs" / ".gitignore").write_bytes(b"\xff\xfe[\n!\n")
    found = set(folder.walk(str(tree)))
    assert {"docs/build/y.py", "sub/deep/c.log"} <= found
    assert "sub/a.pyc" not in found


def test_a_folder_that_is_gone_has_no_files(tmp_path: Path) -> None:
    assert folder.names(str(tmp_path / "gone")) == {}


def test_somebody_s_home_is_refused_in_a_sentence(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MAX_FILES", 5)
    with pytest.raises(UsageError, match="more than 5 files"):
        folder.names(str(tree))


def test_a_file_that_vanishes_is_left_out(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = folder.walk

    def and_remove(root: str, below: str = "") -> list[str]:
        found = list(walk(root, below))
        (tree / "a.py").unlink()
        return found

    monkeypatch.setattr(folder, "walk", and_remove)
    assert "a.py" not in folder.names(str(tree))
