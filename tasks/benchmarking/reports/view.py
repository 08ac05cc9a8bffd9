"""What all reports have in common: which changes are shown, in which order, how figures look."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

from slipstream.tasks.benchmarking.compare.model import (
    Change,
    ChangePoint,
    Compared,
    Comparison,
    Outcome,
    Severity,
    Side,
    Trend,
)

Sort: TypeAlias = Literal["severity", "difference", "name"]
Only: TypeAlias = Literal["all", "regressions", "improvements"]
SORTS: tuple[Sort, ...] = ("severity", "difference", "name")
ONLY: tuple[Only, ...] = ("all", "regressions", "improvements")

NS = 1e9
MIB = 1024**2


class Options(NamedTuple):
    """What of a comparison is shown.

    Attributes:
        sort: By what the changes of a section are sorted.
        only: Leaves other sections out.
        every: Unchanged metrics and those that were not tested are listed, not only counted.
    """

    sort: Sort = "severity"
    only: Only = "all"
    every: bool = False


DEFAULT = Options()


class Section(NamedTuple):
    """Changes of which the same can be said.

    Attributes:
        title: Such as `Regressions`.
        meaning: One sentence.
        changes: Sorted.
        listed: Whether they are listed; else they are only counted.
    """

    title: str
    meaning: str
    changes: tuple[Change, ...]
    listed: bool = True


UNCHANGED, OTHERS = "Unchanged", "Other figures"
_SECTIONS: tuple[tuple[str, str, tuple[Outcome, ...], Only], ...] = (
    (
        "Regressions",
        "Worse beyond the threshold, significantly, and beyond the noise floor.",
        (Outcome.REGRESSION,),
        "regressions",
    ),
    (
        "Suspected regressions",
        "They look worse, and these runs cannot prove it.",
        (Outcome.SUSPECTED_REGRESSION,),
        "regressions",
    ),
    (
        "Improvements",
        "Better beyond the threshold, significantly, and beyond the noise floor.",
        (Outcome.IMPROVEMENT,),
        "improvements",
    ),
    (
        "Suspected improvements",
        "They look better, and these runs cannot prove it.",
        (Outcome.SUSPECTED_IMPROVEMENT,),
        "improvements",
    ),
    (
        "Cannot tell",
        "Too few or too noisy values to say that they changed, or that they did not. Seen from: "
        "the smallest change that would have been found.",
        (Outcome.CANNOT_TELL,),
        "all",
    ),
    ("New and gone", "Only one side has them.", (Outcome.NEW, Outcome.GONE), "all"),
    ("Not compared", "The note says why.", (Outcome.NOT_COMPARED,), "all"),
    (UNCHANGED, "Any change is proven to be within the threshold.", (Outcome.UNCHANGED,), "all"),
)


def sections(compared: Compared, options: Options = DEFAULT) -> list[Section]:
    """The changes of a candidate by what can be said of them, the worst first; none is empty.

    What was not tested follows from what was, and comes last, whatever its outcome.
    """
    tested = [change for change in compared.changes if change.primary]
    found = []
    for title, meaning, outcomes, only in _SECTIONS:
        if options.only not in ("all", only):
            continue
        chosen = [change for change in tested if change.outcome in outcomes]
        if chosen:
            listed = options.every or title != UNCHANGED
            found.append(Section(title, meaning, ordered(chosen, options.sort), listed))
    others = [change for change in compared.changes if not change.primary]
    if others and options.only == "all":
        meaning = "Not tested: they follow from those that are, or are only noted."
        found.append(Section(OTHERS, meaning, ordered(others, options.sort), options.every))
    return found


def ordered(changes: Iterable[Change], sort: Sort) -> tuple[Change, ...]:
    """Changes in order; equal ones by name, so that the order is always the same."""
    by_name = sorted(changes, key=lambda change: change.name)
    if sort == "name":
        return tuple(by_name)
    if sort == "difference":
        return tuple(sorted(by_name, key=size, reverse=True))
    return tuple(sorted(by_name, key=lambda c: (c.severity.rank, size(c)), reverse=True))


def size(change: Change) -> float:
    """How large a change is, whichever its direction."""
    value = change.relative
    return abs(value) if value is not None and math.isfinite(value) else 0.0


def figure(value: float | None, unit: str) -> str:
    """A figure with its unit, with as many digits as mean something: `50.1 ms`, `87.5%`."""
    if value is None:
        return "-"
    if not math.isfinite(value):
        return "not finite"
    if unit == "share":
        return f"{value:.1%}"
    if unit == "bytes":
        return f"{number(value / MIB)} MiB"
    if unit in ("count", "tokens") and value == int(value):
        return f"{value:,.0f} {unit}".removesuffix(" count")
    return f"{number(value)} {unit}".removesuffix(" count")


def number(value: float) -> str:
    """A number with three digits, or all before the point."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 1000 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def difference(change: Change) -> str:
    """How much changed: `+15.0%`; of shares `-20.0 points`, of what has no ratio `+3.00 ms`."""
    if change.relative is not None:
        return relative(change.relative, change.unit)
    if change.difference is not None and math.isfinite(change.difference):
        sign = "+" if change.difference >= 0 else ""
        return f"{sign}{figure(change.difference, change.unit)}"
    return "-"


def relative(share: float, unit: str) -> str:
    """A relative change, `+15.0%`; that of a share is the difference: `-20.0 points`."""
    if not math.isfinite(share):
        return "not finite"
    return f"{share * 100:+.1f} points" if unit == "share" else f"{share:+.1%}"


def interval(change: Change) -> str:
    """The 95 % interval of the relative change, `+12.9% to +17.1%`; empty: there is none."""
    if change.low is None or change.high is None:
        return ""
    ends = [relative(end, change.unit).removesuffix(" points") for end in (change.low, change.high)]
    return " to ".join(ends)


def chance(p: float | None) -> str:
    """A p-value: `0.004`, `<0.001`; empty: there is none."""
    if p is None or not math.isfinite(p):
        return ""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def detectable(change: Change) -> str:
    """The smallest change that would have been seen: `12.0%`; `unknown` where it is not known."""
    found = change.detectable
    if found is None or not math.isfinite(found):
        return "unknown"
    return _seen_from(found) if change.unit != "share" else relative(found, "share")[1:]


def _seen_from(share: float) -> str:
    """Beyond twice as much, how much does not matter: nothing short of a collapse is seen."""
    return f"{share:.1%}" if share <= 1 else "over 100%"


def direction(change: Change | Trend, share: float | None) -> str:
    """What a relative change means: `worse`, `better`, or nothing where there is no better."""
    if share is None or not share or change.direction == "none":
        return ""
    return "worse" if (share > 0) == (change.direction == "lower") else "better"


def headline(comparison: Comparison) -> str:
    """One sentence: whether something got worse, and how much of it."""
    tested = [c for candidate in comparison.candidates for c in candidate.changes if c.primary]
    counts = Counter(change.outcome for change in tested)
    worst = comparison.worst
    if worst is not Severity.NONE:
        count = counts[Outcome.REGRESSION]
        which = f"the worst of them is {worst}" if count > 1 else f"it is {worst}"
        return f"{counted(count, 'regression')}; {which}."
    if count := counts[Outcome.SUSPECTED_REGRESSION]:
        return f"No proven regression, {counted(count, 'suspected one')}."
    if count := counts[Outcome.IMPROVEMENT]:
        return f"No regression, {counted(count, 'improvement')}."
    if not tested:
        return "Nothing could be compared."
    if unknown := counts[Outcome.CANNOT_TELL]:
        return (
            f"No regression was found, but of {unknown} of {counted(len(tested), 'metric')} "
            "these runs cannot tell."
        )
    return "No regression."


def methods(compared: Compared) -> list[str]:
    """By which tests it was found, and how much each could see: one sentence each."""
    said = notes(
        change
        for change in compared.changes
        if change.metric == "error_rate" and change.outcome is Outcome.SHOWN
    )
    used = Counter(change.method for change in compared.changes if change.method)
    for method, count in used.most_common():
        said.append(f"{method[:1].upper()}{method[1:]} ({counted(count, 'metric')}).")
    known = sorted(
        c.detectable
        for c in compared.changes
        if c.unit != "share" and c.detectable is not None and math.isfinite(c.detectable)
    )
    if known:
        middle = known[len(known) // 2]
        said.append(
            f"With 80% power these runs show a change of {_seen_from(middle)} in the median "
            f"metric, of {_seen_from(known[0])} in the steadiest and of {_seen_from(known[-1])} in "
            "the noisiest."
        )
    noise = sorted(
        c.noise for c in compared.changes if c.unit != "share" and c.primary and c.noise is not None
    )
    if noise:
        said.append(f"Noise floor: {noise[len(noise) // 2]:.1%} in the median metric.")
    return said


def rules(comparison: Comparison) -> str:
    """When a change counts as one."""
    policy = comparison.policy
    tests = sum(c.p is not None for candidate in comparison.candidates for c in candidate.changes)
    other = "".join(f"; {name}: {share * 100:.3g}%" for name, share in policy.thresholds)
    if not tests:
        return f"A change counts from {policy.threshold * 100:.3g}% on{other}. Nothing was tested."
    return (
        f"A change counts from {policy.threshold * 100:.3g}% on{other}. All "
        f"{counted(tests, 'test')} are corrected together (Holm), so that at most "
        f"{policy.alpha * 100:.3g} in 100 comparisons of unchanged systems name a regression."
    )


def side_line(side: Side) -> str:
    """A side in one line."""
    runs = counted(len(side.runs), "run") + f" ({_few(side.runs)})"
    return f"{side.name}, {runs}, suite {side.suite}, {side.model or 'no model'} on {side.server}"


def _few(runs: Sequence[str]) -> str:
    return " ".join(runs[:3]) + (" …" if len(runs) > 3 else "")


def notes(changes: Iterable[Change]) -> list[str]:
    """What is noted of changes, each once; where it holds for several, with how many."""
    found: dict[str, list[Change]] = {}
    for change in changes:
        if change.note:
            found.setdefault(change.note, []).append(change)
    return [
        f"{of[0].name}: {note}" if len(of) == 1 else f"{counted(len(of), 'metric')}: {note}"
        for note, of in found.items()
    ]


def change_point(trend: Trend, change: ChangePoint) -> str:
    """A change point as a sentence."""
    at = trend.points[change.place]
    meaning = direction(trend, change.relative)
    commit = f", commit {at.commit[:12]}" if at.commit else ""
    before = trend.points[change.place - 1] if change.place else at
    moved = before.environment != at.environment
    return (
        f"From run {at.run} ({day(at.at_ns)}{commit}) on it is "
        f"{figure(change.after, trend.unit)} instead of {figure(change.before, trend.unit)} "
        f"({relative(change.relative, trend.unit)}{', ' + meaning if meaning else ''}; "
        f"p {chance(change.p) or 'unknown'})"
        f"{'; the machine or the server changed there as well' if moved else ''}."
    )


def trend_sentences(trend: Trend) -> list[str]:
    """What can be said of a history."""
    said = [change_point(trend, change) for change in trend.changes]
    if not said and len(trend.points) > 1:
        said.append("No change point was found.")
    if trend.drift is not None:
        meaning = direction(trend, trend.drift)
        drift = relative(trend.drift, trend.unit)
        said.append(f"It drifts by {drift} in ten runs{', ' + meaning if meaning else ''}.")
    return [*said, *([trend.note] if trend.note else [])]


def trend_name(trend: Trend) -> str:
    """Such as `chat concurrency=8 ttft p50`."""
    statistic = "" if trend.statistic == "value" else trend.statistic
    return " ".join(filter(None, (trend.benchmark, trend.label, trend.metric, statistic)))


def day(at_ns: int) -> str:
    """The day of a moment, UTC: `2026-01-31`."""
    return moment(at_ns)[:10]


def moment(at_ns: int) -> str:
    """A moment, UTC: `2026-01-31 12:00 UTC`."""
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(at_ns / NS, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):  # a clock that was far out
        return "at no known time"


def counted(count: int, what: str) -> str:
    """`1 metric`, `2 metrics`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def clean(text: str) -> str:
    """Text without control characters: what was stored cannot write to somebody's terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
