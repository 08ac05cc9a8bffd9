"""What the judged answers of a benchmark amount to.

All shares are of the answers that came: a request that failed says nothing of the model, and is
counted by `error_rate`.

accuracy, `value`: answers in which nothing is wrong. `category X`, `difficulty X`, `tool X`: those
    of such cases; a case belongs to the tool that is right first.
accuracy, `layer X`: of the answers that came as far as that layer, those that passed it, so that
    a server whose parser loses calls is not taken for a model that chooses wrong ones. `unwanted`:
    of the cases in which no call is right, those without one.
accuracy, `pass@1` (where cases are repeated): the mean over cases of the share that is right.
accuracy, `pass^K`: how likely K answers to a case are all right: the mean over cases of
    C(right, K) / C(asked, K), which is unbiased (Yao et al., tau-bench, 2024). K is the number of
    repeats, so that it is the share of cases that were always right.
flaky: the share of cases that were right at one time and wrong at another.
score: the mean score, with half a point at the most for the right tool with wrong arguments.

Intervals are Wilson's. Answers to one case are more alike than answers to several; so where cases
are repeated, the number of answers is divided by the design effect (Rao and Scott, A simple method
for the analysis of clustered binary data, 1992).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from slipstream.storage.bench_answers import PENDING, AnswerRow
from slipstream.tasks.benchmarking import statistics
from slipstream.tasks.benchmarking.model import Direction, Metric
from slipstream.tasks.benchmarking.statistics import Interval
from slipstream.tasks.benchmarking.tools.model import Layer

LAYERS = (
    Layer.EXTRACTION,
    Layer.JSON,
    Layer.TOOL,
    Layer.SCHEMA,
    Layer.MISSING,
    Layer.EXTRA,
    Layer.VALUE,
)
"""Where a wanted call can go wrong, in the order in which that is looked at."""
NAMES = frozenset({"accuracy", "flaky", "score"})
"""Metrics that say how often calls are right."""


def metrics(
    rows: Iterable[AnswerRow], repeats: int, layers: Sequence[str] = LAYERS
) -> list[Metric]:
    """The figures of a benchmark's answers; none without an answer.

    Args:
        rows: All answers.
        repeats: How often each case was to be asked.
        layers: Where answers can go wrong.
    """
    came = [row for row in rows if row.layer not in (Layer.FAILED, PENDING)]
    if not came:
        return []
    found = [_share("value", came)]
    for name, key in _GROUPS:
        found += [_share(f"{name} {group}", of) for group, of in _grouped(came, key)]
    found += _layers(came, layers)
    found.append(_score(came))
    if repeats > 1:
        found += _repeated(came, repeats)
    return found


def pass_hat(right: int, asked: int, k: int) -> float:
    """How likely `k` answers are all right, estimated from `asked` of which `right` are.

    Raises:
        ValueError: Fewer than `k` were asked.
    """
    if not 0 < k <= asked:
        raise ValueError(f"{k} of {asked} answers")
    return math.comb(right, k) / math.comb(asked, k)


def share(rows: Sequence[AnswerRow]) -> Interval:
    """The share of answers that are right, with its interval.

    Raises:
        ValueError: There are none.
    """
    cases = [[row.layer == Layer.RIGHT for row in of] for _, of in _grouped(rows, _case)]
    right, count = sum(map(sum, cases)), len(rows)
    if count == len(cases) or len(cases) == 1:
        return statistics.wilson(right, count)
    # at 0 and at 1 the design effect cannot be seen: as if all answers to a case were one
    effective = float(len(cases))
    rate = right / count
    if 0 < right < count:
        # variance of a ratio, as of a sample of whole cases
        spread = sum((sum(case) - rate * len(case)) ** 2 for case in cases)
        variance = spread * len(cases) / (len(cases) - 1) / count**2
        plain = rate * (1 - rate) / count
        effective = count / max(1.0, variance / plain)
    return statistics.wilson(rate * effective, effective)._replace(value=rate)


def _share(statistic: str, rows: Sequence[AnswerRow]) -> Metric:
    return _metric("accuracy", statistic, share(rows), len(rows))


def _layers(rows: Sequence[AnswerRow], layers: Sequence[str]) -> Iterator[Metric]:
    wanted = [row for row in rows if row.tool or layers is not LAYERS]
    for layer in layers:
        if not wanted:
            break
        passed = [row for row in wanted if row.layer != layer]
        interval = statistics.wilson(len(passed), len(wanted))
        yield _metric("accuracy", f"layer {layer}", interval, len(wanted))
        wanted = passed
    if layers is LAYERS and (none := [row for row in rows if not row.tool]):
        right = sum(row.layer == Layer.RIGHT for row in none)
        interval = statistics.wilson(right, len(none))
        yield _metric("accuracy", f"layer {Layer.UNWANTED}", interval, len(none))


def _score(rows: Sequence[AnswerRow]) -> Metric:
    cases = [[row.score for row in of] for _, of in _grouped(rows, _case)]
    means = [sum(case) / len(case) for case in cases]
    mean = sum(means) / len(means)
    low = high = None
    if len(means) > 1:
        deviation = math.sqrt(sum((m - mean) ** 2 for m in means) / (len(means) - 1))
        low, high = statistics.mean_interval(mean, deviation, len(means))
        low, high = (None if end is None else min(1.0, max(0.0, end)) for end in (low, high))
    return _metric("score", "value", Interval(mean, low, high), len(rows))


def _repeated(rows: Sequence[AnswerRow], repeats: int) -> Iterator[Metric]:
    cases = [[row.layer == Layer.RIGHT for row in of] for _, of in _grouped(rows, _case)]
    each = [sum(case) / len(case) for case in cases]
    interval = share(rows)._replace(value=sum(each) / len(each))
    yield _metric("accuracy", "pass@1", interval, len(cases))
    # a case of which a request failed has too few answers
    whole = [case for case in cases if len(case) >= repeats]
    if whole:
        always = sum(pass_hat(sum(case), len(case), repeats) for case in whole)
        interval = statistics.wilson(round(always), len(whole))
        yield _metric("accuracy", f"pass^{repeats}", interval, len(whole))
    several = [case for case in cases if len(case) > 1]
    if several:
        both = sum(0 < sum(case) < len(case) for case in several)
        interval = statistics.wilson(both, len(several))
        yield _metric("flaky", "value", interval, len(several), "lower")


def _metric(
    name: str, statistic: str, interval: Interval, size: int, direction: Direction = "higher"
) -> Metric:
    return Metric(name, statistic, "share", direction, *interval, size)


def _case(row: AnswerRow) -> str:
    return row.case_id


_GROUPS: tuple[tuple[str, Callable[[AnswerRow], str]], ...] = (
    ("category", lambda row: row.category),
    ("difficulty", lambda row: row.difficulty),
    ("tool", lambda row: row.tool),
)


def _grouped(
    rows: Iterable[AnswerRow], key: Callable[[AnswerRow], str]
) -> list[tuple[str, list[AnswerRow]]]:
    """Answers by what they have in common; those without it left out."""
    found: dict[str, list[AnswerRow]] = {}
    for row in rows:
        if name := key(row):
            found.setdefault(name, []).append(row)
    return list(found.items())
