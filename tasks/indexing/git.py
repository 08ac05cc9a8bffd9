"""Ask git, without a shell, without its leave to run anything, write anything or fetch anything.

A repository's own configuration can name programs (a file system monitor, filters, hooks) that git
starts while it merely reads; opening somebody's repository must not run them. Objects that a
partial clone left out are not fetched. Reading never takes a lock that others would wait for.
"""

import os
import subprocess
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from slipstream.storage.errors import SlipError
from slipstream.tasks.indexing import content

if TYPE_CHECKING:
    import git

Process: TypeAlias = "subprocess.Popen[bytes]"

PATIENCE = 100
"""`cache.git_timeout_ms` is how long naming one file may wait for git, since the other way, to
digest that file, is quick. For a whole repository the other way is to read all of it, which is
slower than waiting, so that git then gets this many times as long."""

_SETTINGS = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.quotePath": "false",
    "status.submoduleSummary": "false",
}
_VARIABLES = {
    "GIT_ALLOW_PROTOCOL": "none",  # before 2.45 git has no GIT_NO_LAZY_FETCH
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",  # a commit's name is to fix its tree, in every clone
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
# Inside a hook git sets these for the repository that it is called from: the path decides here.
_OTHER_REPOSITORY = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
_FILTERS = ("clean", "smudge", "process", "required")


class GitError(SlipError):
    """Git is not there, refused, failed or took too long; the text is one sentence.

    Attributes:
        inside: Whether there is a repository all the same.
    """

    def __init__(self, message: str, inside: bool = True) -> None:
        super().__init__(message)
        self.inside = inside


class Repository(NamedTuple):
    """A repository as seen from one of its worktrees.

    Attributes:
        root: Folder of the worktree, or of the git folder where there is none.
        worktree: Whether there is a worktree.
        folder: The git folder of this worktree.
        common: The git folder that all worktrees share.
        form: How it names contents.
        overrides: Settings that keep git from running programs which this repository names.
    """

    root: str
    worktree: bool
    folder: str
    common: str
    form: content.Form
    overrides: tuple[tuple[str, str], ...] = ()


def discover(path: str, timeout: float) -> Repository:
    """The repository that a folder belongs to, the innermost one.

    Args:
        path: A folder, perhaps reached through a link.
        timeout: Seconds.

    Raises:
        GitError: There is none, or git cannot tell.
    """
    questions = ("--show-object-format", "--is-inside-work-tree", "--git-dir", "--git-common-dir")
    command = ["rev-parse", "--path-format=absolute", *questions]
    inside = True
    try:
        answer = run([*command, "--show-toplevel"], path, timeout=timeout)
    except GitError as error:
        if not error.inside or "work tree" not in str(error):
            raise
        inside = False
        answer = run(command, path, timeout=timeout)
    lines = os.fsdecode(answer).splitlines()
    if len(lines) != 4 + inside:
        raise GitError(f"Git does not say in which repository {path} is.")
    root = lines[4] if inside else lines[2]
    form: content.Form = "sha256" if lines[0] == "sha256" else "sha1"
    found = Repository(root, inside, lines[2], lines[3], form)
    return found._replace(overrides=_overrides(found, timeout))


def run(
    arguments: list[str],
    folder: str,
    *,
    timeout: float,
    overrides: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """What `git` prints.

    Args:
        arguments: A plumbing command; what comes from outside stands behind `--end-of-options`.
        folder: Where it is run.
        timeout: Seconds after which it is killed.
        overrides: Those of the repository.

    Raises:
        GitError: It failed.
    """
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=environment(overrides),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise GitError(f"Git took longer than {timeout:g} s in {folder}.") from error
    except OSError as error:
        raise GitError(f"Git cannot be run in {folder} ({error.strerror}).") from error
    if done.returncode:
        raise _failure(done.stderr.decode("utf-8", "replace"), folder)
    return done.stdout


def start(arguments: list[str], repository: Repository) -> Process:
    """Start a `git` that answers what is written to it, such as `cat-file --batch`.

    Raises:
        GitError: It cannot be run.
    """
    try:
        return subprocess.Popen(
            ["git", *arguments],
            cwd=repository.root,
            env=environment(repository.overrides),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        raise GitError(f"Git cannot be run in {repository.root} ({error.strerror}).") from error


def stop(process: Process) -> None:
    """End a `git` that was started, whatever it is doing."""
    process.kill()
    process.communicate()


def environment(overrides: tuple[tuple[str, str], ...] = ()) -> dict[str, str]:
    """The variables that a `git` of ours runs with; settings given so win over all files."""
    variables = {n: v for n, v in os.environ.items() if n not in _OTHER_REPOSITORY} | _VARIABLES
    given = variables.get("GIT_CONFIG_COUNT", "")
    count = int(given) if given.isdecimal() else 0
    for name, value in (*_SETTINGS.items(), *overrides):
        variables[f"GIT_CONFIG_KEY_{count}"] = name
        variables[f"GIT_CONFIG_VALUE_{count}"] = value
        count += 1
    variables["GIT_CONFIG_COUNT"] = str(count)
    return variables


def resolve(repository: Repository, revision: str, timeout: float) -> str:
    """The full name of the commit that a revision names: a branch, a tag, `HEAD~3`, a short name.

    Raises:
        GitError: It names none.
    """
    wanted = f"{revision}^{{commit}}"
    command = ["rev-parse", "--verify", "--quiet", "--end-of-options", wanted]
    try:
        found = run(command, repository.root, timeout=timeout, overrides=repository.overrides)
    except GitError as error:
        raise GitError(f"{revision!r} names no commit of {repository.root}.") from error
    return found.decode("ascii").strip()


def facade(repository: Repository) -> "git.Repo":
    """GitPython's view of it, for what nobody waits for: importing it takes 130 ms."""
    import git

    found = git.Repo(repository.root if repository.worktree else repository.folder)
    found.git.update_environment(**environment(repository.overrides))
    return found


def nearest_names(repository: Repository, revision: str) -> list[str]:
    """Branches and tags that are called much as a revision which does not exist."""
    from difflib import get_close_matches

    return get_close_matches(revision, [reference.name for reference in facade(repository).refs])


def _overrides(repository: Repository, timeout: float) -> tuple[tuple[str, str], ...]:
    """Settings that undo the filters of the repository itself; those of its user stay.

    Git runs them to see whether a file changed. Reading the file first spares asking git.
    """
    named = b""
    for path in (f"{repository.common}/config", f"{repository.folder}/config.worktree"):
        try:
            with open(path, "rb") as file:
                named += file.read().lower()
        except OSError:
            continue  # most have no config.worktree
    if b"[filter" not in named and b"[include" not in named:
        return ()
    command = ["config", "--list", "--show-scope", "--name-only", "-z"]
    fields = os.fsdecode(run(command, repository.root, timeout=timeout)).split("\0")
    drivers = {
        name.rpartition(".")[0]
        for scope, name in zip(fields[::2], fields[1::2], strict=False)
        if scope in ("local", "worktree") and name.startswith("filter.")
    }
    return tuple(
        (f"{driver}.{setting}", "false" if setting == "required" else "")
        for driver in sorted(drivers)
        for setting in _FILTERS
    )


def _failure(output: str, place: str) -> GitError:
    """What git's complaint means, and what to do about it."""
    folder = os.path.abspath(place)
    if "not a git repository" in output:
        return GitError(f"{folder} is in no git repository.", inside=False)
    if "dubious ownership" in output or "safe.directory" in output:
        return GitError(
            f"Git does not read {folder} because it belongs to somebody else; "
            "if you trust it, run `git config --global --add safe.directory` with its root."
        )
    lines = [line for line in output.splitlines() if line.startswith(("fatal:", "error:"))]
    reason = lines[-1].partition(": ")[2] if lines else "it does not say why"
    return GitError(f"Git failed in {folder} ({reason}).")
