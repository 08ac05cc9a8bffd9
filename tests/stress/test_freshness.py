"""Nothing that is served is stale, whatever is done to a repository and in whatever order.

A real repository, its second worktree and a submodule are driven through everything that people do
with git. After each step the files, symbols and answers that come from the cache are compared with
ones computed without it: paths from `git ls-files`, contents as they lie in the worktree, an index
made of nothing else. `FRESHNESS_STEPS` sets how many steps are compared at least.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import scratch_git as scratch
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from slipstream.storage.cache import CacheStore, open_cache
from slipstream.storage.config.load import load
from slipstream.tasks.indexing import (
    language,
    lines,
    parse,
    query,
    search,
    segment,
    skip,
    view,
    warm,
)
from slipstream.tasks.indexing.model import SearchHit
from slipstream.tasks.indexing.snapshot import Source, open_source

STEPS = int(os.environ.get("FRESHNESS_STEPS", "120"))
RUN = 30  # most steps with one repository

NAMES = ["alpha", "beta", "gamma", "delta"]
PATHS = ["a.py", "b.py", "lib/c.py", "lib/d.h", "docs/e.md", "tool", "lib", "a.py/inner.py"]
BRANCHES = ["main", "side", "third"]

MODES: tuple[search.Mode, ...] = ("hybrid", "symbol", "text")

Files: TypeAlias = dict[str, bytes]

paths = st.sampled_from(PATHS)
branches = st.sampled_from(BRANCHES)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A file that defines and uses one name; many are of the same size, and many come again."""
    name, used = draw(st.sampled_from(NAMES)), draw(st.sampled_from(NAMES))
    kind = draw(st.sampled_from(["python", "shell", "header", "heading"]))
    if kind == "python":
        return f'def {name}():\n    """Do {used} here."""\n    return {used}()\n'
    if kind == "shell":
        return f"#!/bin/sh\n{name}() {{\n  {used}\n}}\n"
    if kind == "header":
        return f"class {name} {{\n  int {used}();\n}};\n"
    return f"# {name}\n\nAbout {used}.\n"


Arguments: TypeAlias = dict[str, st.SearchStrategy[Any]]
STEPS_OF: dict[str, tuple[int, Arguments]] = {}


def often(
    weight: int, **arguments: st.SearchStrategy[Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A step with what it is given; of two, the one of twice the weight is done twice as often.

    Hypothesis's own choice among rules leaves most of them out of each run, and so most writing.
    """

    def register(method: Callable[..., None]) -> Callable[..., None]:
        STEPS_OF[method.__name__] = (weight, arguments)
        return method

    return register


@st.composite
def chosen_steps(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    names = [name for name, (weight, _) in STEPS_OF.items() for _ in range(weight)]
    name = draw(st.sampled_from(names))
    return name, draw(st.fixed_dictionaries(STEPS_OF[name][1]))


class Repository(RuleBasedStateMachine):
    """One repository with what people do to it."""

    base = template = Path()
    steps = 0  # of all repositories
    idle = True

    @initialize()
    def begin(self) -> None:
        # The first of each run is the simplest one, the same step all along.
        self.idle, Repository.idle = Repository.idle, False
        self.folder = Path(tempfile.mkdtemp(dir=self.base))
        self.first = self.folder / "first"
        shutil.copytree(self.template, self.first, symlinks=True)
        self.second = self.folder / "second"
        self.place = self.first
        self.store = open_cache(self.folder / "home")
        self.sources: dict[Path, Source] = {}
        self.written = PATHS[0]

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def git(self, *arguments: str) -> None:
        """What git refuses to do is not done; the state is what counts."""
        scratch.git(self.place, *arguments, check=False)

    # Files.

    @often(8, path=paths, text=texts())
    def write(self, path: str, text: str) -> None:
        file = self.place / path
        if file.is_dir() and not file.is_symlink():
            shutil.rmtree(file)
        for above in file.relative_to(self.place).parents:
            if (self.place / above).is_file() or (self.place / above).is_symlink():
                (self.place / above).unlink()
        if file.is_symlink():
            file.unlink()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.written = path

    @often(6, text=texts())
    def write_again(self, text: str) -> None:
        """The same paths differ from the commit, in another way."""
        self.write(self.written, text)

    @often(2, first=texts(), second=texts())
    def write_twice(self, first: str, second: str) -> None:
        self.write(self.written, first)
        self.everything_is_as_if_there_were_no_cache()
        self.write(self.written, second)

    @often(4, path=paths, name=st.sampled_from(NAMES))
    def edit_keeping_size(self, path: str, name: str) -> None:
        """In the same second as what was before, mostly."""
        file = self.place / path
        if file.is_file() and not file.is_symlink():
            text = file.read_text()
            for old in NAMES:
                if len(old) == len(name):
                    text = text.replace(old, name)
            file.write_text(text)

    @often(2, path=paths)
    def touch(self, path: str) -> None:
        if (self.place / path).is_file():
            os.utime(self.place / path)

    @often(2, path=paths)
    def remove(self, path: str) -> None:
        file = self.place / path
        if file.is_dir() and not file.is_symlink():
            shutil.rmtree(file)
        elif os.path.lexists(file):
            file.unlink()

    @often(2, path=paths, other=paths)
    def link(self, path: str, other: str) -> None:
        self.remove(path)
        file = self.place / path
        if file.parent.is_dir():
            file.symlink_to(other)

    @often(2, path=paths, mode=st.sampled_from([0o644, 0o755]))
    def change_mode(self, path: str, mode: int) -> None:
        if (self.place / path).is_file():
            (self.place / path).chmod(mode)

    @often(3, path=paths, other=paths)
    def rename(self, path: str, other: str) -> None:
        self.git("mv", "-f", path, other)

    # The index.

    @often(4, path=paths)
    def stage(self, path: str) -> None:
        self.git("add", "--", path)

    @often(3)
    def stage_everything(self) -> None:
        self.git("add", "-A")

    @often(1, path=paths)
    def mean_to_add(self, path: str) -> None:
        self.git("add", "-N", "--", path)

    @often(2, path=paths)
    def unstage(self, path: str) -> None:
        self.git("reset", "-q", "--", path)

    @often(1, path=paths)
    def untrack(self, path: str) -> None:
        self.git("rm", "-q", "-r", "--cached", "--", path)

    @often(2, path=paths)
    def restore(self, path: str) -> None:
        self.git("checkout", "-q", "HEAD", "--", path)

    # Commits.

    @often(4)
    def commit(self) -> None:
        self.git("commit", "-q", "-m", "more")

    @often(6)
    def commit_all(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "all")

    @often(2)
    def amend(self) -> None:
        self.git("commit", "-q", "--amend", "-m", "amended")

    @often(2, how=st.sampled_from(["--soft", "--mixed", "--hard"]))
    def reset(self, how: str) -> None:
        self.git("reset", "-q", how, "HEAD~1")

    @often(4, branch=branches, force=st.booleans())
    def checkout(self, branch: str, force: bool) -> None:
        self.git("checkout", "-q", *(["-f"] if force else []), branch)

    @often(3, branch=branches)
    def new_branch(self, branch: str) -> None:
        self.git("checkout", "-q", "-B", branch)

    @often(2)
    def detach(self) -> None:
        self.git("checkout", "-q", "--detach", "HEAD~1")

    @often(3, branch=branches, abort=st.booleans())
    def merge(self, branch: str, abort: bool) -> None:
        self.git("merge", "-q", "--no-edit", branch)
        if abort:
            self.git("merge", "--abort")

    @often(3, branch=branches, abort=st.booleans())
    def rebase(self, branch: str, abort: bool) -> None:
        self.git("rebase", "-q", branch)
        if abort:
            self.git("rebase", "--abort")

    @often(2, branch=branches)
    def cherry_pick(self, branch: str) -> None:
        self.git("cherry-pick", branch)

    @often(2)
    def stash(self) -> None:
        self.git("stash", "-q")

    @often(2)
    def pop(self) -> None:
        self.git("stash", "pop", "-q")

    @often(1)
    def pack(self) -> None:
        self.git("gc", "-q")

    # Submodule and worktree.

    @often(1, text=texts())
    def commit_in_the_submodule(self, text: str) -> None:
        inner = self.place / "sub"
        if (inner / ".git").exists():
            (inner / "inner.py").write_text(text)
            scratch.git(inner, "commit", "-q", "-am", "inner", check=False)

    @often(1)
    def turn_the_submodule_into_a_file(self) -> None:
        self.remove("sub")
        (self.place / "sub").write_text("def epsilon():\n    pass\n")

    @often(3)
    def other_worktree(self) -> None:
        if not self.second.exists():
            scratch.git(self.first, "worktree", "add", "-q", "--detach", str(self.second))
        self.place = self.second if self.place == self.first else self.first

    @often(1)
    def remove_this_worktree(self) -> None:
        if self.place == self.first:
            return
        self.place = self.first
        self.git("worktree", "remove", "--force", str(self.second))
        shutil.rmtree(self.second, ignore_errors=True)
        self.git("worktree", "prune")
        self.sources.pop(self.second, None)

    @rule(chosen=chosen_steps())
    def step(self, chosen: tuple[str, dict[str, Any]]) -> None:
        if not self.idle:
            name, arguments = chosen
            getattr(self, name)(**arguments)

    # What must hold.

    @invariant()
    def everything_is_as_if_there_were_no_cache(self) -> None:
        if self.idle:
            return
        Repository.steps += 1
        truth = contents(self.place)
        expected = index_of(truth)
        kept = self.sources.setdefault(self.place, open_source(str(self.place)))
        compare(kept, truth, expected, self.store)
        compare_answers(open_source(str(self.place)), truth, expected, self.store)
        compare_commit(self.place, self.store)


def compare(source: Source, truth: Files, expected: view.View, store: CacheStore) -> None:
    """What a source gives that was opened long ago, against the files as they are."""
    names = {path: blob_name(data) for path, data in truth.items()}
    index = warm.ensure(source, store)
    assert dict(index.files) == names
    assert index.complete
    assert (index.snapshot.part == index.snapshot.commit) == (not index.snapshot.changed)
    assert {p: d for p, _, d in source.read(names.items())} == truth
    for text in ("alpha", "epsilon", "about delta"):
        for mode in MODES:
            right = search.search(expected, text, read=reader(truth), mode=mode, context=1)
            assert search.search(index.view, text, read=source.read, mode=mode, context=1) == right


def compare_answers(source: Source, truth: Files, expected: view.View, store: CacheStore) -> None:
    """What is answered by whoever comes now, the second time from the cache."""
    right = search.search(expected, NAMES[0], read=reader(truth), context=1).hits
    for _ in range(2):
        assert list(query.ask(source, query.Question(NAMES[0], context=1), store).hits) == right
    compare_definitions(right, truth)


def compare_definitions(hits: list[SearchHit], truth: Files) -> None:
    """The truth itself, told by nothing of ours: a Python file that defines the name is found."""
    defined = {p for p, data in truth.items() if p.endswith(".py") and b"def alpha(" in data}
    assert defined <= {hit.path for hit in hits if hit.why.startswith("symbol")}


def compare_commit(place: Path, store: CacheStore) -> None:
    """The manifest of the commit, wherever the worktree stands."""
    if not scratch.git(place, "rev-parse", "-q", "--verify", "HEAD", check=False):
        return
    listed = scratch.git(place, "ls-tree", "-r", "-z", "HEAD").split("\0")[:-1]
    rows = [line.split(None, 3) for line in listed]
    source = open_source(str(place), "HEAD")
    found = source.files(source.snapshot(), store)
    assert dict(found) == {path: name for _, kind, name, path in rows if kind == "blob"}


def contents(place: Path) -> Files:
    """Path → bytes of what is tracked and there, read in the plainest way."""
    found = {}
    listed = scratch.git(place, "ls-files", "-s", "-z").split("\0")[:-1]
    for path in {line.split("\t", 1)[1] for line in listed}:
        file = place / path
        try:
            os.lstat(file)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:  # links in a circle: git takes what it cannot look at as unchanged
            found[path] = scratch.git(place, "cat-file", "blob", f":{path}").encode() + b"\n"
            continue
        if any(above.is_symlink() for above in file.parents if above != place):
            continue
        if file.is_symlink():
            found[path] = os.fsencode(os.readlink(file))
        elif file.is_file():
            found[path] = file.read_bytes()
        else:
            assert file.is_dir()
    return found


def blob_name(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def index_of(truth: Files) -> view.View:
    """An index made of nothing but the files."""
    most = load().config.index.max_file_bytes

    def artefact(path: str) -> bytes | None:
        if skip.by_path(path, -1, most):
            return None
        return parse.packed(language.of(path, truth[path][: language.HEAD]), truth[path])

    names = {path: blob_name(data) for path, data in sorted(truth.items())}
    return view.make(segment.open(segment.build(names, artefact)), names, artefact)


def reader(truth: Files) -> lines.Read:
    return lambda pairs: ((path, name, truth[path]) for path, name in pairs)


def make_template(folder: Path) -> Path:
    """A repository with a few commits, two branches and a submodule."""
    inner = scratch.init(folder / "inner", "--template=")
    scratch.commit(inner, inner_py="def epsilon():\n    pass\n")
    made = scratch.init(folder / "made", "--template=")
    scratch.git(made, "config", "gc.auto", "0")
    scratch.git(made, "config", "core.fsync", "none")
    scratch.git(made, "config", "protocol.file.allow", "always")
    for number, name in enumerate(NAMES):
        scratch.write(made, **{f"f{number}_py": f"def {name}():\n    return {number}\n"})
    scratch.commit(made, a_py="def alpha():\n    pass\n", lib__c_py="def beta():\n    pass\n")
    add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "sub"]
    scratch.git(made, *add)
    # So that the copies do not share it.
    shutil.rmtree(made / "sub")
    shutil.rmtree(made / ".git" / "modules")
    shutil.copytree(inner, made / "sub", symlinks=True)
    scratch.commit(made, docs__e_md="# gamma\n")
    scratch.git(made, "branch", "side")
    scratch.commit(made, b_py="def delta():\n    return alpha()\n")
    return made


@pytest.mark.usefixtures("home")
def test_nothing_stale_is_ever_served(tmp_path: Path) -> None:
    Repository.base, Repository.template = tmp_path, make_template(tmp_path / "template")
    while Repository.steps < STEPS:
        Repository.idle = True
        run_state_machine_as_test(
            Repository,
            settings=settings(
                max_examples=(STEPS - Repository.steps) // RUN + 2,
                stateful_step_count=RUN,
                deadline=None,
                database=None,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            ),
        )
    print(f"{Repository.steps} steps")
