"""The state of a repository, or of a folder, at one moment: what `open_source` opens.

One `git status` gives the commit and what differs from it. Outside git, or when git fails, is
refused or takes longer than `git.PATIENCE` times `cache.git_timeout_ms`, all files are read and
digested instead, which is logged, and told by `Source.problem`.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from slipstream.storage import logs
from slipstream.storage.config.load import load
from slipstream.storage.errors import NotFoundError, UsageError
from slipstream.tasks.indexing import content, folder, git, keys, manifest, read, status
from slipstream.tasks.indexing.model import Files, Snapshot

if TYPE_CHECKING:
    from slipstream.storage.cache import CacheStore

HEAD_SECONDS = 1.0
"""How long a process that makes many keys may go on with one look at a repository."""


def open_source(path: str = ".", revision: str = "", untracked: bool = False) -> "Source":
    """What a path belongs to: a worktree, a bare repository, one of its revisions, or a folder.

    Args:
        path: A file or folder, perhaps reached through a link.
        revision: A branch, tag or commit to look at instead of the worktree.
        untracked: Count untracked files too, but for ignored ones.

    Raises:
        NotFoundError: There is no such path or revision.
    """
    place = path if os.path.isdir(path) else os.path.dirname(path) or "."
    if not os.path.lexists(path) or not os.path.isdir(place):
        raise NotFoundError(f"{path} does not exist.")
    timeout = load().config.cache.git_timeout_ms / 1000
    try:
        found = git.discover(place, timeout * git.PATIENCE)
    except git.GitError as error:
        if revision:
            raise NotFoundError(f"There is no revision {revision!r}: {error}") from error
        logs.info("index.no-git", folder=place, why=str(error))
        return Source(os.path.realpath(place), None, "", timeout, untracked, error)
    timeout *= git.PATIENCE
    commit = None
    if revision:
        commit = _resolve(found, revision, timeout)
    elif not found.worktree:
        commit = _head(found, timeout)
    return Source(found.root, found, commit, timeout / git.PATIENCE, untracked)


class Source:
    """Files of one worktree, revision or folder, with their contents; made by `open_source`.

    Attributes:
        root: The folder that paths are relative to.
        problem: What went wrong with git, as one sentence; empty: nothing.
        missing: How many contents could not be read so far.
    """

    def __init__(
        self,
        root: str,
        repository: git.Repository | None,
        commit: str | None,
        timeout: float,
        untracked: bool = False,
        error: git.GitError | None = None,
    ) -> None:
        self.root = root
        self.missing = 0
        self.problem = str(error) if error and error.inside else ""
        self._git = repository
        self._commit = commit
        self._timeout = timeout
        self._untracked = untracked
        self._last: tuple[float, object, Snapshot] | None = None

    @property
    def form(self) -> content.Form:
        """How contents are named here."""
        return self._git.form if self._git else "plain"

    def snapshot(self, max_age: float = 0.0) -> Snapshot:
        """The state as it is now.

        Args:
            max_age: Seconds for which the last look will do if no commit, checkout or staging came
                between, such as `HEAD_SECONDS`; edits may be missed then. 0: look again.

        Raises:
            UsageError: There is no git, and too many files to read at each look.
        """
        try:
            return self._recent(max_age, self._timeout * git.PATIENCE)
        except git.GitError as error:
            logs.warning("index.git-failed", folder=self.root, why=str(error))
            self.problem = f"{error} All files are read instead."
            self._git = None
            return self._recent(0.0, 0.0)

    def files(self, snapshot: Snapshot, store: "CacheStore | None" = None) -> Files:
        """All files of a snapshot: those of its commit, with what changed laid over them.

        Args:
            snapshot: One of this source.
            store: The cache, which has the files of commits that were seen before.

        Raises:
            NotFoundError: The commit's list of files is missing or damaged.
        """
        if not self._git or not snapshot.commit:
            return {path: name for path, name in snapshot.changed.items() if name}
        patience = self._timeout * git.PATIENCE
        try:
            found = manifest.load(self._git, snapshot.commit, store, patience)
        except git.GitError as error:
            raise NotFoundError(
                f"The files of commit {snapshot.commit[:12]} cannot be listed: {error}"
            ) from error
        if not snapshot.changed:
            return found.files
        return {path: name for path, name in (found.files | dict(snapshot.changed)).items() if name}

    def read(
        self, pairs: Iterable[tuple[str, str]], limit: int | None = None
    ) -> Iterator[tuple[str, str, bytes | None]]:
        """Path, name and bytes of each pair of path and content name, in nearly their order.

        What has not the name that was asked for is not returned: None stands for what is missing.

        Args:
            pairs: Of `files`.
            limit: At most so many bytes of each; None: all.
        """
        before = self.missing
        patience = self._timeout * git.PATIENCE
        found = read.contents(self._git, self.root, pairs, limit, patience)
        for path, name, data in found:
            self.missing += data is None
            yield path, name, data
        if self.missing > before == 0:  # said once
            logs.warning("index.missing", folder=self.root, contents=self.missing - before)

    def locate(self, path: str, files: Files) -> str:
        """The file that somebody means by a path, as `files` has it.

        Raises:
            NotFoundError: It is none of them.
            UsageError: It lies outside the root.
        """
        found = keys.locate(self.relative(path), files)
        if found is not None:
            return found
        raise NotFoundError(f"{path} is not among the files of {self.root} that are indexed.")

    def relative(self, path: str) -> str:
        """A path relative to the root, links on the way resolved; empty: the root itself.

        Raises:
            UsageError: It lies outside the root.
        """
        above, name = os.path.split(os.path.abspath(path))
        full = os.path.join(os.path.realpath(above), name)
        relative = os.path.relpath(full, os.path.realpath(self.root)).replace(os.sep, "/")
        if relative == ".." or relative.startswith("../") or os.path.isabs(relative):
            raise UsageError(f"{path} lies outside {self.root}; name a path inside it.")
        return "" if relative == "." else relative

    def key(
        self,
        path: str,
        operation: str,
        params: Mapping[str, keys.Input],
        store: "CacheStore | None" = None,
    ) -> str:
        """The key of what an operation computes from one file or folder, soon.

        When git takes longer than `cache.git_timeout_ms`, or fails, the content of the path itself
        stands in place of the commit.

        Args:
            path: Relative to the root.
            operation: Name of the operation.
            params: Its parameters.
            store: The cache.

        Raises:
            KeyNotComputable: The path is not there, or cannot be read.
        """
        try:
            taken = self._recent(HEAD_SECONDS, self._timeout)
            return keys.for_path(taken, self.files(taken, store), path, operation, params)
        except (git.GitError, NotFoundError) as error:
            logs.warning("index.git-failed", folder=self.root, why=str(error))
        normal = keys.normal_path(path)
        names = folder.names(self.root, normal)
        taken = self._state("", "", names, keys.content_part(names))
        return keys.for_path(taken, names, path, operation, params)

    def _recent(self, max_age: float, timeout: float) -> Snapshot:
        signature = self._signature()
        now = time.monotonic()
        if self._last and signature == self._last[1] and now - self._last[0] < max_age:
            return self._last[2]
        taken = self._take(timeout)
        self._last = (now, signature, taken)
        return taken

    def _take(self, timeout: float) -> Snapshot:
        """Look at the state.

        Raises:
            GitError: Git cannot tell.
        """
        if not self._git:
            names = folder.names(self.root)
            return self._state("", "", names, keys.content_part(names))
        form = self._git.form
        if self._commit is not None:
            part = self._commit or content.empty_tree(form)
            return self._state(self._commit, "", {}, part)
        which = status.UNTRACKED if self._untracked else status.TRACKED
        found = status.parse(
            git.run(
                [*status.COMMAND, which],
                self.root,
                timeout=timeout,
                overrides=self._git.overrides,
            ),
            self.root,
            form,
        )
        if found.unreadable:
            logs.warning("index.unreadable", folder=self.root, files=len(found.unreadable))
        part = keys.dirty_part(found.commit or content.empty_tree(form), found.changed)
        return self._state(found.commit, found.branch, found.changed, part)

    def _state(
        self, commit: str, branch: str, changed: Mapping[str, str | None], part: str
    ) -> Snapshot:
        common = self._git.common if self._git else self.root
        here = not self._git or (self._git.worktree and self._commit is None)
        worktree = folder_digest(self.root) if here else ""
        return Snapshot(folder_digest(common), worktree, self.root, commit, part, branch, changed)

    def _signature(self) -> tuple[object, ...]:
        """What changes when a commit, a checkout or staging does."""
        if not self._git:
            return ()
        own, common = self._git.folder, self._git.common
        try:
            with open(f"{own}/HEAD", "rb") as file:
                head = os.fsdecode(file.read(4096)).strip()
        except OSError:
            head = ""
        branch = f"{common}/{head.removeprefix('ref: ')}"
        paths = (branch, f"{own}/index", f"{common}/packed-refs", f"{common}/reftable/tables.list")
        return head, *map(_stamp, paths)


def folder_digest(path: str) -> str:
    """What names a repository (by its common git folder) or a worktree (by its root) in keys."""
    return keys.digest(os.path.realpath(path))[:32]


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _resolve(repository: git.Repository, revision: str, timeout: float) -> str:
    try:
        return git.resolve(repository, revision, timeout)
    except git.GitError as error:
        near = git.nearest_names(repository, revision)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; `git log` shows some."
        raise NotFoundError(
            f"There is no commit {revision!r} in {repository.root}{hint}"
        ) from error


def _head(repository: git.Repository, timeout: float) -> str:
    """The commit of a repository without a worktree; empty: it has none yet."""
    try:
        return git.resolve(repository, "HEAD", timeout)
    except git.GitError:
        return ""
