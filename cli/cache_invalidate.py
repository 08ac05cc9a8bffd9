"""`slip cache invalidate`: removes entries with what was made from them, or runs the flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from slipstream.cli import cache_commands as commands
from slipstream.cli import cache_warm
from slipstream.cli.cache_open import opened
from slipstream.flows import launch
from slipstream.storage.errors import UsageError
from slipstream.tasks.indexing import derived
from slipstream.tasks.indexing.batches import Origin

if TYPE_CHECKING:
    from slipstream.storage.cache import CacheStore


class Wanted(NamedTuple):
    """Which entries are to go: those for which all that is given holds."""

    keys: tuple[str, ...] = ()
    prefix: str | None = None
    pattern: str | None = None
    tag: str | None = None
    path: str | None = None
    commit: str | None = None
    producer: str | None = None


def run(
    wanted: Wanted, *, warm_again: bool, flow: bool, dry_run: bool, force: bool, json: bool
) -> int:
    """Remove entries, after asking, and index again if that is wanted.

    Raises:
        UsageError: Nothing is chosen, or nobody can be asked.
        NotFoundError: There is no such key, path or commit.
    """
    if wanted == Wanted():
        raise UsageError(
            "Nothing says what is to go; name keys, or give --prefix, --glob, --tag, --path, "
            "--commit or --producer (`slip cache clear` removes everything)."
        )
    with opened(needed=True) as store:
        choice = _choice(store, wanted)
        if flow:
            return _by_flow(
                store, choice, wanted, warm_again=warm_again, dry_run=dry_run, force=force,
                json=json,
            )  # fmt: skip
        status = commands.remove(
            store, "cache.invalidate", choice, dry_run=dry_run, force=force, json=json
        )
    if warm_again and not dry_run and not status:
        return cache_warm.run(Origin(wanted.path or "."), embed=False, flow=False, json=json)
    return status


def _choice(store: CacheStore, wanted: Wanted) -> commands.Choice:
    """The entries by what the store knows: keys, and what it filters by itself."""
    keys: set[str] | None = None
    found: list[set[str]] = []
    if wanted.keys:
        found.append({commands.resolve(store, name) for name in wanted.keys})
    if wanted.path:
        found.append(derived.of_path(store, wanted.path))
    if wanted.commit:
        found.append(derived.of_commit(store, wanted.commit, wanted.path or "."))
    if found:
        keys = set.intersection(*found)
    return commands.Choice(
        wanted.prefix, wanted.pattern, wanted.tag, wanted.producer,
        keys=None if keys is None else sorted(keys),
    )  # fmt: skip


def _by_flow(
    store: CacheStore,
    choice: commands.Choice,
    wanted: Wanted,
    *,
    warm_again: bool,
    dry_run: bool,
    force: bool,
    json: bool,
) -> int:
    """Ask, then let the flow remove; what is chosen is told to it as the store takes it."""
    found = store.remove(**choice.options(), dry_run=True)
    if not dry_run and found.count and not commands.agreed(found, choice, force=force):
        return 1
    cache_warm.say_server()
    parameters = {
        **{name: value for name, value in choice.options().items() if value},
        "dry_run": dry_run,
        "warm_again": warm_again,
        "warm": {"path": wanted.path or "."},
    }
    commands.say_removed(launch.run_invalidate(parameters), dry_run=dry_run, json=json)
    return 0
