"""`slip hook git install|remove|status`: git hooks that keep the index of a repository warm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from slipstream.cli import output

if TYPE_CHECKING:
    from slipstream.tasks.indexing.git_hook import Hook

JSON_VERSION = 1

Folder = Annotated[str, typer.Argument(metavar="[PATH]", help="A folder of the repository.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Hooks that call Slipstream.", no_args_is_help=True)
    git = typer.Typer(help="Git hooks that keep the index warm.", no_args_is_help=True)
    for name, function in (("install", install), ("remove", remove), ("status", status)):
        git.command(name)(function)
    git.command("run", hidden=True)(run)
    group.add_typer(git, name="git")
    root.add_typer(group, name="hook")


def install(path: Folder = ".", as_json: Json = False) -> None:
    """Have each commit, checkout and merge warm the index in the background.

    Hooks that are there are kept: theirs is done after ours has been started.

    \b
    slip hook git install
    slip hook git install ~/src/project
    """
    from slipstream.tasks.indexing import git_hook

    _shown(git_hook.install(path), as_json)


def remove(path: Folder = ".", as_json: Json = False) -> None:
    """Take away what `install` has put into the hooks.

    \b
    slip hook git remove
    """
    from slipstream.tasks.indexing import git_hook

    _shown(git_hook.remove(path), as_json)


def status(path: Folder = ".", as_json: Json = False) -> None:
    """Show which hooks there are, and whether they warm the index.

    \b
    slip hook git status
    """
    from slipstream.tasks.indexing import git_hook

    _shown(git_hook.status(path), as_json)


def run(path: Folder = ".") -> None:
    """Warm the index; what the hooks call."""
    from slipstream.cli import cache_warm
    from slipstream.tasks.indexing import git_hook
    from slipstream.tasks.indexing.batches import Origin

    def warm() -> None:
        cache_warm.run(Origin(path), embed=False, flow=False, json=False)

    git_hook.in_turn(path, warm)


def _shown(hooks: Sequence[Hook], as_json: bool) -> None:
    if as_json:
        told = [hook._asdict() | {"path": str(hook.path)} for hook in hooks]
        output.print_json({"version": JSON_VERSION, "hooks": told})
        return
    rows = [(hook.name, hook.condition, str(hook.path)) for hook in hooks]
    output.print_table(("hook", "condition", "file"), rows)
