"""`slip cache` for Typer: its commands, their options, their help."""

from __future__ import annotations

from typing import Annotated

import typer

from slipstream.cli.search_options import Revision, Untracked

app = typer.Typer(no_args_is_help=True, help="Look at what was computed before, and manage it.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say how much would be removed.")]
Force = Annotated[bool, typer.Option("--force", help="Do not ask.")]
Flow = Annotated[
    bool, typer.Option("--flow", help="Run it as a Prefect flow, which its UI then shows.")
]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="cache")


@app.command()
def stats(
    by_type: Annotated[
        bool, typer.Option("--by-type", help="Each operation by itself, too.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Why misses were misses, and histograms, too.")
    ] = False,
    json: Json = False,
) -> int:
    """Show what the cache holds and how often it helped.

    \b
    slip cache stats
    slip cache stats --by-type --verbose
    slip cache stats --json
    """
    from slipstream.cli import cache

    return cache.stats(by_type=by_type, verbose=verbose, json=json)


@app.command()
def clear(
    prefix: Annotated[
        str | None, typer.Option("--prefix", help="Only keys that begin so, as v1::search.")
    ] = None,
    pattern: Annotated[
        str | None, typer.Option("--pattern", help="Only keys that match a glob, as '*::parse::*'.")
    ] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only entries with a tag.")] = None,
    expired: Annotated[
        bool, typer.Option("--expired", help="Only what is too old to be used.")
    ] = False,
    memory_only: Annotated[
        bool, typer.Option("--memory-only", help="Only what processes keep in memory.")
    ] = False,
    disk_only: Annotated[
        bool,
        typer.Option(
            "--disk-only", help="Only what is on disk; memory then has it no more, either."
        ),
    ] = False,
    dry_run: DryRun = False,
    force: Force = False,
    json: Json = False,
) -> int:
    """Remove entries: all of them, or those that are chosen. Asks first.

    It can be interrupted at any time. What was removed is computed again when it is needed.

    \b
    slip cache clear --dry-run
    slip cache clear --prefix v1::search --force
    slip cache clear --expired
    """
    from slipstream.cli import cache_commands as commands

    choice = commands.Choice(prefix, pattern, tag, None, expired)
    return commands.clear(
        choice, memory_only=memory_only, disk_only=disk_only, dry_run=dry_run, force=force,
        json=json,
    )  # fmt: skip


@app.command("list")
def listed(
    limit: Annotated[int, typer.Option("--limit", help="How many at the most.")] = 100,
    pattern: Annotated[
        str | None, typer.Option("--filter", help="A glob of keys, or a part of a key.")
    ] = None,
    json: Json = False,
) -> int:
    """List entries in the order of their keys.

    \b
    slip cache list --limit 20
    slip cache list --filter '*::manifest::*' --json
    """
    from slipstream.cli import cache_commands as commands

    return commands.listed(limit, pattern, json)


@app.command()
def inspect(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A key, or the beginning of one.")],
    json: Json = False,
) -> int:
    """Show one entry: its age, size, producer, tags, and what happened to it of late.

    \b
    slip cache inspect v1::manifest::3f2a
    """
    from slipstream.cli import cache_commands as commands

    return commands.inspect(key, json)


@app.command()
def explain(
    subject: Annotated[
        str, typer.Argument(metavar="KEY|PATH", help="A key, or a file of a repository.")
    ],
    json: Json = False,
) -> int:
    """Tell which inputs a key is made of, why each is in it, and why it is a hit or a miss.

    \b
    slip cache explain storage/database.py
    slip cache explain v1::parse::9f86d081
    """
    from slipstream.cli import cache_explain

    return cache_explain.show(subject, json)


@app.command()
def verify(json: Json = False) -> int:
    """Read every value against its checksum; remove what is damaged, and exit with 1 then.

    \b
    slip cache verify
    """
    from slipstream.cli import cache_commands as commands

    return commands.verify(json)


@app.command()
def warm(
    folder: Annotated[
        str, typer.Argument(metavar="[PATH]", help="A repository, or a folder in one.")
    ] = ".",
    revision: Revision = "",
    untracked: Untracked = False,
    embed: Annotated[
        bool, typer.Option("--embed", help="Make vectors with the configured model, too.")
    ] = False,
    flow: Flow = False,
    json: Json = False,
) -> int:
    """Index a repository now, so that no search waits for it.

    \b
    slip cache warm
    slip cache warm ~/src/project --revision v2.1
    slip cache warm --flow
    """
    from slipstream.cli import cache_warm
    from slipstream.tasks.indexing.batches import Origin

    origin = Origin(folder, revision, untracked)
    return cache_warm.run(origin, embed=embed, flow=flow, json=json)


@app.command()
def invalidate(
    key: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY]...", help="Keys, whole or shortened.")
    ] = None,
    prefix: Annotated[str | None, typer.Option("--prefix", help="Keys that begin so.")] = None,
    pattern: Annotated[str | None, typer.Option("--glob", help="Keys that match a glob.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Entries with a tag.")] = None,
    path: Annotated[
        str | None, typer.Option("--path", help="What was computed from a file or folder.")
    ] = None,
    commit: Annotated[
        str | None, typer.Option("--commit", help="What was computed for a commit.")
    ] = None,
    producer: Annotated[
        str | None, typer.Option("--producer", help="What one version of a producer made.")
    ] = None,
    warm_again: Annotated[bool, typer.Option("--warm", help="Compute it again at once.")] = False,
    flow: Flow = False,
    dry_run: DryRun = False,
    force: Force = False,
    json: Json = False,
) -> int:
    """Remove entries with all that was made from them. Asks first.

    \b
    slip cache invalidate --path storage/ --dry-run
    slip cache invalidate --commit HEAD~3 --force
    slip cache invalidate --glob '*::search::*' --warm
    """
    from slipstream.cli import cache_invalidate

    wanted = cache_invalidate.Wanted(tuple(key or ()), prefix, pattern, tag, path, commit, producer)
    return cache_invalidate.run(
        wanted, warm_again=warm_again, flow=flow, dry_run=dry_run, force=force, json=json
    )


@app.command()
def report(
    start: Annotated[
        str, typer.Option("--from", help="A moment: 24h or 7d ago, 2026-01-31, 2026-01-31T12:00.")
    ] = "24h",
    end: Annotated[str, typer.Option("--to", help="A moment; default: now.")] = "now",
    compare: Annotated[
        str | None,
        typer.Option("--compare", help="previous, or the moment at which another period begins."),
    ] = None,
    by: Annotated[
        str, typer.Option("--by", help="Of operation, tier, repository, commit; with commas.")
    ] = "operation",
    shown_as: Annotated[
        str, typer.Option("--format", help="table, json, csv or prometheus.")
    ] = "table",
    reset: Annotated[
        bool, typer.Option("--reset", help="Set the counters to zero afterwards. Asks first.")
    ] = False,
    force: Force = False,
) -> int:
    """Report how often the cache helped in a period, beside another one.

    Prometheus gets the counters and histograms since the last reset, whatever the period.

    \b
    slip cache report --from 7d --compare previous
    slip cache report --from 2026-01-01 --to 2026-02-01 --by repository --format csv
    slip cache report --format prometheus
    """
    from slipstream.cli import cache_report

    status = cache_report.show(start, end, compare, by, shown_as)
    return cache_report.reset(force=force) if reset and not status else status
