"""Read contents by name: from the worktree where the file is it, else from git.

What is returned always has the name that was asked for. What is missing (a partial or shallow
clone, a damaged repository, a file changed meanwhile) is None: git neither fetches it nor is waited
for.
"""

import os
import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO

from slipstream.storage import logs
from slipstream.tasks.indexing import content, git

AT_ONCE = 256
"""Names written to git before its answers are read: with a line each they fit into the pipe."""
MAX_RESTARTS = 20
"""Git ends at an object that is damaged or would have to be fetched. After so many, no more."""


def contents(
    repository: git.Repository | None,
    root: str,
    pairs: Iterable[tuple[str, str]],
    limit: int | None,
    timeout: float,
) -> Iterator[tuple[str, str, bytes | None]]:
    """Path, name and bytes of each pair; what git is asked for comes after the rest of its group.

    Args:
        repository: Where they are; None: in a plain folder.
        root: What paths are relative to.
        pairs: Path and content name.
        limit: At most so many bytes of each; None: all.
        timeout: Seconds that git may take for `AT_ONCE` of them.
    """
    form: content.Form = repository.form if repository else "plain"
    waiting = iter(pairs)
    objects = Objects(repository, limit, timeout) if repository else None
    try:
        while group := list(islice(waiting, AT_ONCE)):
            absent = []
            for path, name in group:
                if not repository or repository.worktree:
                    found = content.read(os.path.join(root, path), form, limit)
                    if found and found[0] == name:
                        yield path, name, found[1]
                        continue
                absent.append((path, name))
            blobs = objects.read([name for _, name in absent]) if objects else {}
            for path, name in absent:
                yield path, name, blobs.get(name)
    finally:
        if objects:
            objects.close()


class Objects:
    """Blobs of a repository, by one `git cat-file --batch`."""

    def __init__(self, repository: git.Repository, limit: int | None, timeout: float) -> None:
        self._repository = repository
        self._limit = limit
        self._timeout = timeout
        self._process: git.Process | None = None
        self._restarts = 0
        self._present: set[str] | None = None

    def read(self, names: list[str]) -> dict[str, bytes]:
        """The bytes of those that are there; at most `AT_ONCE` names."""
        found: dict[str, bytes] = {}
        pending = list(dict.fromkeys(names))
        while pending := [n for n in pending if self._present is None or n in self._present]:
            answered = self._ask(pending, found)
            if answered == len(pending):
                break
            # Git ended at this one. Rather than once for each such object, it is asked what there
            # is: in a partial clone most may be missing.
            pending = pending[answered + 1 :]
            self._restarts += 1
            if self._restarts > MAX_RESTARTS:
                logs.warning("index.git-keeps-failing", folder=self._repository.root)
                self._present = set()
            elif self._present is None:
                self._present = self._list()
        return found

    def close(self) -> None:
        """End the process."""
        if self._process:
            git.stop(self._process)
            self._process = None

    def _ask(self, names: list[str], found: dict[str, bytes]) -> int:
        """Read blobs into `found`; how many names were answered before git ended."""
        try:
            process = self._process or git.start(["cat-file", "--batch"], self._repository)
        except git.GitError as error:
            logs.warning("index.git", why=str(error))
            return 0
        self._process = process
        assert process.stdin
        assert process.stdout
        watch = threading.Timer(self._timeout, process.kill)
        watch.start()
        answered = 0
        try:
            process.stdin.write("".join(f"{name}\n" for name in names).encode("ascii"))
            process.stdin.flush()
            for name in names:
                if (data := self._answer(process.stdout)) is None:
                    self.close()
                    break
                answered += 1
                if data[0] == name:
                    found[name] = data[1]
        except OSError:
            self.close()
        finally:
            watch.cancel()
        return answered

    def _answer(self, stream: IO[bytes]) -> tuple[str, bytes] | None:
        """The true name and the beginning of one blob; no name: not there; None: git ended."""
        head = stream.readline().split()
        if len(head) != 3:
            return ("", b"") if head[1:] == [b"missing"] else None
        size = int(head[2])
        digest = content.begin(size, self._repository.form)
        kept, left = [], size
        room = size if self._limit is None else self._limit
        while left:
            data = stream.read(min(left, content.PIECE))
            if not data:
                return None
            digest.update(data)
            if room > 0:
                kept.append(data[:room])
                room -= len(data)
            left -= len(data)
        stream.read(1)
        return (digest.hexdigest() if head[1] == b"blob" else ""), b"".join(kept)

    def _list(self) -> set[str]:
        command = ["cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)"]
        try:
            listed = git.run(
                command,
                self._repository.root,
                timeout=self._timeout,
                overrides=self._repository.overrides,
            )
        except git.GitError as error:
            logs.warning("index.git", why=str(error))
            return set()
        return set(listed.decode("ascii").split())
