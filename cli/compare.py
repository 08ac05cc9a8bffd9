"""`slip compare`: runs held against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from slipstream.cli import bench_options, report
from slipstream.storage import paths
from slipstream.storage.errors import UsageError

if TYPE_CHECKING:
    from slipstream.tasks.benchmarking.compare.model import Comparison, Policy
    from slipstream.tasks.benchmarking.reports.forms import Form
    from slipstream.tasks.benchmarking.reports.view import Options

REGRESSION = 3

Format = Annotated[
    str, typer.Option("--format", "-f", metavar="FORM", help="text, json, markdown, html, csv.")
]
Output = Annotated[
    str,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Write to a file; html is always written to one."
    ),
]
Sort = Annotated[str, typer.Option("--sort", metavar="BY", help="severity, difference, name.")]
Only = Annotated[
    str, typer.Option("--only", metavar="WHICH", help="all, regressions, improvements.")
]
Every = Annotated[
    bool, typer.Option("--all", "-a", help="List unchanged metrics and untested ones, too.")
]


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("compare")(compare)


def compare(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[BASE] [CANDIDATE]...",
            help="latest, latest~1, baseline, a tag, a date, series:ID, an id; "
            "default: baseline latest.",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", metavar="PERCENT", help="Smallest change that matters."),
    ] = None,
    metric_threshold: Annotated[
        list[str] | None,
        typer.Option(
            "--metric-threshold",
            metavar="METRIC=PERCENT",
            help="The same for one metric, such as ttft=10 or 'ttft p95=15'; may be repeated.",
        ),
    ] = None,
    fail_on: bench_options.FailOn = "",
    form: Format = "text",
    to: Output = "",
    sort: Sort = "severity",
    only: Only = "all",
    every: Every = False,
    json: bench_options.Json = False,
) -> int:
    """Hold runs against a base, and say what got worse; exits with 3 for a regression.

    One name is a candidate, held against the baseline. What a run was repeated with counts as one
    side with it: one run a side can raise a suspicion, several prove it.

    \b
    slip compare
    slip compare before after --fail-on major
    slip compare latest~1 latest --metric-threshold ttft=10
    slip compare baseline latest --format html -o report.html
    """
    chosen = report.form_of(form, json=json)
    options = options_of(sort, only, every)
    least = least_of(fail_on)
    found = run(runs or [], policy_of(threshold, metric_threshold or []), chosen, to, options)
    return status(found, least)


def run(names: list[str], policy: Policy, form: Form, to: str, options: Options) -> Comparison:
    """Compare, keep the comparison, and print it.

    Raises:
        SlipError: There is no such run, or it cannot be read.
    """
    from slipstream.storage import results
    from slipstream.tasks.benchmarking import against
    from slipstream.tasks.benchmarking.compare import sides

    base, *candidates = names if len(names) > 1 else ["baseline", *(names or ["latest"])]
    with results.opened(paths.home()) as connection:
        found = [sides.side(connection, name) for name in candidates]
        first = sides.side(connection, base, found[0])
        if same := next((side for side in found if side.runs == first.runs), None):
            raise UsageError(
                f"{base} and {same.name} are the same ({' '.join(same.runs[:3])}); name another "
                "run, or make one with `slip bench run`."
            )
        made = against.compared(connection, first, found, policy)
        trends = against.histories(connection, made) if form == "html" else []
    report.comparison(made, form, to, options, trends)
    return made


def least_of(fail_on: str) -> str:
    """The least severe regression that fails: as it was given, else as it is configured.

    Raises:
        UsageError: There is no such severity.
    """
    from slipstream.storage.config.load import load
    from slipstream.tasks.benchmarking import against

    against.check_fail_on(fail_on)
    return fail_on or load().config.bench.fail_on


def status(found: Comparison, least: str) -> int:
    """The exit status: 3 when a proven regression is as severe as that."""
    from slipstream.tasks.benchmarking import against

    return REGRESSION if against.fails(found, least) else 0


def options_of(sort: str, only: str, every: bool) -> Options:
    """What of a comparison is shown.

    Raises:
        UsageError: An option has no such value.
    """
    from slipstream.tasks.benchmarking.reports import view

    report.one_of("--sort", sort, view.SORTS)
    report.one_of("--only", only, view.ONLY)
    return view.Options(sort, only, every)  # type: ignore[arg-type]  # they are checked above


def policy_of(threshold: float | None, metrics: list[str]) -> Policy:
    """When a change is one; thresholds are in percent.

    Raises:
        UsageError: A threshold is no number above 0.
    """
    from slipstream.storage.config.load import load
    from slipstream.tasks.benchmarking.compare.model import Policy

    single = []
    for text in metrics:
        name, equals, percent = text.rpartition("=")
        if not equals or not name.strip():
            raise UsageError(f"--metric-threshold {text!r} is not as in ttft=10 (percent).")
        single.append((" ".join(name.split()), _share("--metric-threshold", percent)))
    whole = load().config.bench.threshold_percent if threshold is None else threshold
    return Policy(threshold=_share("--threshold", str(whole)), thresholds=tuple(single))


def _share(option: str, percent: str) -> float:
    try:
        value = float(percent.strip().removesuffix("%"))
    except ValueError:
        value = 0.0
    if not 0 < value <= 1000:
        raise UsageError(f"{option} {percent} is not a percentage above 0 and up to 1000.")
    return value / 100
