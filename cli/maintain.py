"""`slip maintain`: takes care of all stores, and says what went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from slipstream.cli import output
from slipstream.storage import paths
from slipstream.storage.config.load import load

if TYPE_CHECKING:
    from slipstream.storage.maintenance.model import Done

JSON_VERSION = 1


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("maintain")(maintain)


def maintain(
    full: Annotated[bool, typer.Option("--full", help="Check what stays, too.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Remove what is too old or belongs to nothing, and with --full check what stays.

    What may go says the configuration. It can be interrupted at any moment.

    \b
    slip maintain --dry-run
    slip maintain --full
    """
    from slipstream.storage.maintenance import steps
    from slipstream.storage.maintenance.model import Level, Outcome, Settings
    from slipstream.tasks.maintenance import steps_of

    loaded = load()
    for problem in loaded.problems:
        output.warn(problem)
    level: Level = "full" if full else "light"
    settings = Settings(paths.home(), loaded.config, dry_run)
    done = [_told(steps.attempt(*step, settings)) for step in steps_of(level).items()]
    if not dry_run and (unwritten := steps.record(settings, level, done)):
        done.append(_told(unwritten))
    status = 1 if any(each.trouble for each in done) else 0
    if as_json:
        told = [
            {"step": each.step, "error": each.error} | (each.outcome or Outcome())._asdict()
            for each in done
        ]
        output.print_json(
            {"version": JSON_VERSION, "level": level, "dry_run": dry_run, "steps": told}
        )
        return status
    rows = []
    for each in done:
        outcome = each.outcome or Outcome(note="failed")
        freed = output.bytes_text(outcome.freed) if outcome.freed else ""
        rows.append((each.step, outcome.removed, freed, outcome.note))
    output.print_table(
        ("step", "would go" if dry_run else "removed", "freed", "what"), rows, right="removed freed"
    )
    return status


def _told(done: Done) -> Done:
    """Say at once what needs somebody."""
    if done.trouble:
        output.warn(f"{done.step}: {done.trouble}")
    return done
