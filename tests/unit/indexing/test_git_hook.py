"""Git hooks that warm the index: theirs stay as they were, and git neither waits nor fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import scratch_git as scratch

from slipstream.cli.main import main
from slipstream.storage.errors import NotFoundError, SlipError, UsageError
from slipstream.tasks.indexing import git_hook

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="hooks are shell scripts")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = scratch.init(tmp_path / "work")
    scratch.commit(made, a_py="def a():\n    pass\n")
    return made


def conditions(hooks: list[git_hook.Hook]) -> set[str]:
    return {hook.condition for hook in hooks}


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_hooks_are_installed_once_and_removed_without_a_trace(folder: Path) -> None:
    before = sorted((folder / ".git" / "hooks").glob("*"))
    assert conditions(git_hook.status(str(folder))) == {"absent"}
    assert conditions(git_hook.install(str(folder))) == {"installed"}
    texts = [hook.path.read_bytes() for hook in git_hook.status(str(folder))]
    git_hook.install(str(folder))
    assert [hook.path.read_bytes() for hook in git_hook.status(str(folder))] == texts
    assert all(os.access(hook.path, os.X_OK) for hook in git_hook.status(str(folder)))
    assert conditions(git_hook.remove(str(folder))) == {"absent"}
    assert sorted((folder / ".git" / "hooks").glob("*")) == before


@pytest.mark.parametrize(
    "theirs",
    [b"#!/bin/sh\necho mine >> log\nexit 3\n", b"#!/usr/bin/env bash\r\n:\n", b"echo no shebang\n",
     b"#!/bin/sh -e\n\xff\xfe not utf-8\n"],
    ids=["sh", "bash", "none", "bytes"],
)  # fmt: skip
def test_a_hook_that_is_there_is_kept_byte_for_byte(folder: Path, theirs: bytes) -> None:
    path = folder / ".git" / "hooks" / "post-commit"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(theirs)
    path.chmod(0o750)
    assert git_hook.status(str(folder))[0].condition == "other"
    git_hook.install(str(folder))
    text = path.read_bytes()
    assert text != theirs
    assert text.startswith(theirs.partition(b"\n")[0] if theirs.startswith(b"#!") else b"# >>>")
    assert path.stat().st_mode & 0o777 == 0o750
    git_hook.remove(str(folder))
    assert path.read_bytes() == theirs


def test_an_older_block_is_outdated_and_is_renewed(folder: Path) -> None:
    git_hook.install(str(folder))
    path = folder / ".git" / "hooks" / "post-merge"
    path.write_bytes(path.read_bytes().replace(b"nice -n 10", b"nice -n 5"))
    assert [hook.condition for hook in git_hook.status(str(folder))] == [
        "installed", "installed", "outdated"
    ]  # fmt: skip
    assert conditions(git_hook.install(str(folder))) == {"installed"}


def test_hooks_that_cannot_take_the_block_are_refused_and_nothing_changes(folder: Path) -> None:
    hooks = folder / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "post-merge").write_text("#!/usr/bin/env python3\nprint(1)\n")
    with pytest.raises(UsageError, match="is no shell script; nothing was changed"):
        git_hook.install(str(folder))
    assert not (hooks / "post-commit").exists()
    (hooks / "post-merge").unlink()
    (hooks / "post-merge").symlink_to(folder / "a.py")
    with pytest.raises(UsageError, match="is a link"):
        git_hook.install(str(folder))
    (hooks / "post-merge").unlink()
    (hooks / "post-merge").mkdir()
    with pytest.raises(SlipError, match="cannot be read"):
        git_hook.install(str(folder))


def test_the_folder_that_git_is_told_to_look_in_is_used(folder: Path, tmp_path: Path) -> None:
    scratch.git(folder, "config", "core.hooksPath", "tools/hooks")
    assert git_hook.install(str(folder))[0].path == folder / "tools/hooks/post-commit"
    worktree = tmp_path / "second"
    scratch.git(folder, "config", "--unset", "core.hooksPath")
    scratch.git(folder, "worktree", "add", "-q", str(worktree))
    assert git_hook.status(str(worktree))[0].path == folder / ".git/hooks/post-commit"


def test_outside_of_a_repository_and_in_a_bare_one_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="is in no git repository"):
        git_hook.install(str(tmp_path))
    with pytest.raises(NotFoundError, match="There is no folder"):
        git_hook.status(str(tmp_path / "nowhere"))
    scratch.git(tmp_path, "init", "-q", "--bare", "bare.git")
    with pytest.raises(UsageError, match="has no worktree"):
        git_hook.install(str(tmp_path / "bare.git"))


def test_a_commit_warms_the_index_and_the_exit_status_of_theirs_stays(
    folder: Path, home: Path, capsys: pytest.CaptureFixture[str], unmeasured: None
) -> None:
    """In the background, with no output of its own."""
    mine = folder / ".git" / "hooks" / "post-checkout"
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("#!/bin/sh\nexit 3\n")
    mine.chmod(0o755)
    assert main(["hook", "git", "install", str(folder)]) == 0
    assert capsys.readouterr().out.count("installed") == 3
    environment = os.environ | {"SLIPSTREAM_HOME": str(home)}
    commit = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty",
              "-m", "x"]  # fmt: skip
    done = subprocess.run(commit, cwd=folder, env=environment, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
    database = home / "cache" / "cache.db"
    eventually(database.exists)
    command = ["git", "checkout", "-q", "-b", "other"]
    failed = subprocess.run(command, cwd=folder, env=environment, check=False).returncode
    assert failed, "git makes a failure of theirs its own"
    assert main(["hook", "git", "status", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["hooks"]
    assert [each["name"] for each in told] == list(git_hook.HOOKS)
    assert main(["hook", "git", "remove", str(folder)]) == 0
    assert mine.read_text() == "#!/bin/sh\nexit 3\n"


def test_what_the_hooks_call_indexes_the_repository(
    folder: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hook", "git", "run", str(folder)]) == 0
    assert "1 files of" in capsys.readouterr().out


def test_of_many_at_once_one_works_and_one_waits(folder: Path, home: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()
    done: list[str] = []

    def first() -> None:
        begun.set()
        go_on.wait(60)
        done.append("first")

    def waiting() -> None:
        git_hook.in_turn(str(folder), lambda: done.append("second"))

    threads = [threading.Thread(target=git_hook.in_turn, args=(str(folder), first))]
    threads[0].start()
    assert begun.wait(60)
    threads.append(threading.Thread(target=waiting))
    threads[1].start()
    late: list[bool] = []

    def third() -> bool:
        """Turned away as soon as the second one waits."""
        late.append(git_hook.in_turn(str(folder), lambda: None)) if _waits(home) else None
        return bool(late)

    eventually(third)
    assert late == [False]
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert done == ["first", "second"]


def _waits(home: Path) -> bool:
    """Whether somebody holds the lock of the one that waits."""
    from slipstream.storage.lock import try_lock

    for path in (home / "cache" / "hooks").glob("*.next"):
        with open(path, "rb+") as file:
            return not try_lock(file.fileno())
    return False
