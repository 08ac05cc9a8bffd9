"""Git is asked without being let do more than read."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import scratch_git as scratch

from slipstream.tasks.indexing import git
from slipstream.tasks.indexing.git import GitError, Repository


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = scratch.init(tmp_path / "work")
    scratch.commit(made, lib__a_py="one\n")
    return made


def found(path: Path) -> Repository:
    return git.discover(str(path), 10)


def test_a_worktree_is_found_from_its_folders_and_through_links(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(folder / "lib")
    for path in (folder, folder / "lib", tmp_path / "link"):
        assert found(path).root == str(folder)
        assert found(path).common == str(folder / ".git")
        assert found(path).worktree


def test_a_nested_repository_is_its_own(folder: Path) -> None:
    inner = scratch.init(folder / "lib" / "inner")
    assert found(inner).root == str(inner)


def test_a_submodule_is_its_own(folder: Path, tmp_path: Path) -> None:
    outer = scratch.init(tmp_path / "outer")
    scratch.git(outer, "-c", "protocol.file.allow=always", "submodule", "add", str(folder), "sub")
    assert found(outer / "sub").root == str(outer / "sub")
    assert found(outer / "sub").common == str(outer / ".git" / "modules" / "sub")


def test_worktrees_share_the_common_folder(folder: Path, tmp_path: Path) -> None:
    scratch.git(folder, "worktree", "add", "-q", str(tmp_path / "second"))
    second = found(tmp_path / "second")
    assert second.root == str(tmp_path / "second")
    assert second.common == found(folder).common
    assert second.folder != found(folder).folder


def test_a_bare_repository_and_the_git_folder_have_no_worktree(
    folder: Path, tmp_path: Path
) -> None:
    scratch.git(tmp_path, "clone", "-q", "--bare", str(folder), "bare")
    for path in (tmp_path / "bare", folder / ".git"):
        assert not found(path).worktree
        assert found(path).common == str(path)


def test_the_hash_of_a_repository_is_known(tmp_path: Path) -> None:
    assert found(scratch.init(tmp_path / "new", "--object-format=sha256")).form == "sha256"


def test_outside_a_repository_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="is in no git repository") as caught:
        found(tmp_path)
    assert not caught.value.inside


def test_a_repository_of_somebody_else_is_refused_with_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(GitError, match=r"safe\.directory") as caught:
        found(folder)
    assert caught.value.inside


def test_without_git_there_is_a_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(GitError, match="Git cannot be run"):
        found(folder)
    with pytest.raises(GitError, match="Git cannot be run"):
        git.start(["cat-file", "--batch"], Repository(str(folder), True, "", "", "sha1"))


def test_a_git_that_hangs_is_ended(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    with pytest.raises(GitError, match="took longer than"):
        git.run(["status"], str(folder), timeout=0.2)


def test_a_git_that_answers_nonsense_is_an_error(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "bin" / "git"
    odd.parent.mkdir()
    odd.write_text("#!/bin/sh\necho what?\n")
    odd.chmod(0o755)
    monkeypatch.setenv("PATH", f"{odd.parent}:{os.environ['PATH']}")
    with pytest.raises(GitError, match="does not say"):
        found(folder)


def test_a_hook_s_variables_do_not_lead_to_another_repository(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = scratch.init(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert found(folder).common == str(folder / ".git")


def test_a_user_s_own_settings_in_the_environment_are_kept() -> None:
    variables = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "a.b", "GIT_CONFIG_VALUE_0": "c"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        made = git.environment((("x.y", "z"),))
    count = int(made["GIT_CONFIG_COUNT"])
    settings = {made[f"GIT_CONFIG_KEY_{n}"]: made[f"GIT_CONFIG_VALUE_{n}"] for n in range(count)}
    assert settings["a.b"] == "c"
    assert settings["x.y"] == "z"
    assert settings["core.fsmonitor"] == "false"


def test_no_program_that_a_repository_names_is_run(folder: Path, tmp_path: Path) -> None:
    """Plain `git status` runs each of them, as the second half shows."""
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho $0 >> {ran}\ncat\n")
    program.chmod(0o755)
    config = tmp_path / "more.cfg"
    config.write_text(f'[filter "hidden"]\n\tclean = {program}\n\trequired = true\n')
    for name, value in (
        ("core.fsmonitor", str(program)),
        ("filter.odd=name.clean", str(program)),
        ("core.hooksPath", str(tmp_path)),
        ("include.path", str(config)),
        ("diff.external", str(program)),
    ):
        scratch.git(folder, "config", name, value)
    scratch.git(folder, "config", "extensions.worktreeConfig", "true")
    scratch.git(folder, "config", "--worktree", "filter.own.process", str(program))
    (folder / ".gitattributes").write_text("*.py filter=odd=name\n*.txt filter=hidden\n")
    for name in ("lib/a.py", "b.txt"):
        (folder / name).write_text("changed\n")
    repository = found(folder)
    status = ["status", "--porcelain=v2", "-z", "--untracked-files=all"]
    answer = git.run(status, str(folder), timeout=10, overrides=repository.overrides)
    assert b"lib/a.py" in answer
    assert not ran.exists()
    names = {name for name, _ in repository.overrides}
    assert {"filter.odd=name.clean", "filter.hidden.required", "filter.own.process"} <= names

    subprocess.run(["git", "status"], cwd=folder, capture_output=True, check=False)
    assert ran.exists()


def test_reading_status_leaves_the_index_as_it_is(folder: Path) -> None:
    """Plain `git status` writes new times into it, under a lock."""
    os.utime(folder / "lib" / "a.py", (1, 1))
    index = folder / ".git" / "index"
    before = index.read_bytes(), index.stat().st_mtime_ns
    git.run(["status", "--porcelain=v2"], str(folder), timeout=10)
    assert (index.read_bytes(), index.stat().st_mtime_ns) == before
    index.with_suffix(".lock").touch()
    git.run(["status", "--porcelain=v2"], str(folder), timeout=10)


@pytest.mark.parametrize("revision", ["HEAD", "main", "v1", "v1^{}", "HEAD^0"])
def test_a_revision_is_a_commit_whatever_names_it(folder: Path, revision: str) -> None:
    head = scratch.git(folder, "rev-parse", "HEAD")
    scratch.git(folder, "tag", "-a", "v1", "-m", "one")
    assert git.resolve(found(folder), revision, 10) == head
    assert git.resolve(found(folder), head[:8], 10) == head


@pytest.mark.parametrize("revision", ["nowhere", "--output=x", "HEAD:lib", "", "a b", "HEAD~9"])
def test_a_revision_that_is_no_commit_is_an_error(folder: Path, revision: str) -> None:
    with pytest.raises(GitError, match="names no commit"):
        git.resolve(found(folder), revision, 10)


def test_names_like_the_one_that_is_wanted_are_offered(folder: Path) -> None:
    scratch.git(folder, "branch", "release-1.2")
    assert git.nearest_names(found(folder), "relase-1.2") == ["release-1.2"]
    assert git.nearest_names(found(folder / ".git"), "mian") == ["main"]
