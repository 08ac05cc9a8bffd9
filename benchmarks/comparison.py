"""How often a comparison cries wolf, and how often it finds what is there: by simulation.

    python benchmarks/comparison.py            # the table of docs/comparison.md, 10 minutes
    python benchmarks/comparison.py --quick    # a tenth of the repetitions

Suites are simulated, each request of them, and judged by the same code as real runs. Times are
log-normal (first tokens vary by 15 %, times per token by 5 %), 3 % of the requests are outliers, of
up to five times a first token and one and a half times a time per token. A run has an effect of its
own, half of it common to all its metrics and half each metric's own. Under drift the machine gets
slower or faster over the comparison in a straight line, by a normal number of 5 %, and besides by a
step of 0.5 % at random from run to run.

(Not called statistics.py: this folder is on the tests' path, and would hide Python's module.)
"""

from __future__ import annotations

import argparse
import math
import time
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from slipstream.storage import results
from slipstream.storage.bench import RunRecord
from slipstream.tasks.benchmarking.compare import compare, evidence
from slipstream.tasks.benchmarking.compare.model import Change, Outcome, Policy
from slipstream.tasks.benchmarking.compare.read import Cell, Run, Times
from slipstream.tasks.benchmarking.model import Metric

Floats: TypeAlias = NDArray[np.float64]

TTFT, TPOT = 50.0, 10.0  # ms
TOKENS = 64
SPREAD_TTFT, SPREAD_TPOT = 0.15, 0.05
OUTLIERS = 0.03
DRIFT, STEP = 0.05, 0.005
PER_CELL = 5  # metrics that are tested, of 40 requests or more; 3 of fewer
COLUMNS = (
    "runs", "tested", "requests", "run effect", "drift", "false regression", "any false change",
    "or suspicion", "10 %: ttft", "tpot", "15 %: ttft", "tpot",
)  # fmt: skip
FOUND = (Outcome.REGRESSION, Outcome.SUSPECTED_REGRESSION)


class World(NamedTuple):
    """What is simulated.

    Attributes:
        runs: Of each side.
        requests: Of each cell in a run.
        cells: Of the suite.
        effect: Standard deviation of a run's own effect.
        interleaved: Whether base and candidate take turns.
        drift: Whether the machine changes meanwhile.
    """

    runs: int = 5
    requests: int = 100
    cells: int = 5
    effect: float = 0.03
    interleaved: bool = True
    drift: bool = False


class Rates(NamedTuple):
    """Shares of simulated comparisons.

    Attributes:
        proven: In which a regression was named that was none.
        changed: In which a regression or an improvement was.
        suspected: In which a regression was named or suspected.
        ttft: In which a slower first token was found.
        tpot: In which a slower time per token was.
    """

    proven: float
    changed: float
    suspected: float
    ttft: float
    tpot: float


def simulate(world: World, slower: float, repetitions: int, seed: int) -> Rates:
    """Compare simulated suites, in which two metrics of two cells are slower.

    Args:
        world: What is simulated.
        slower: By how much the candidate's first cell is slower to the first token, and its
            second one per token, as a share.
        repetitions: How many comparisons.
        seed: Of all chances.
    """
    chance = np.random.default_rng(seed)
    counts = np.zeros(5)
    for _ in range(repetitions):
        changes = compared(world, slower, chance)
        truly = {("0", "ttft"), ("1", "tpot")} if slower else set()
        false = [c for c in changes if (c.label, c.metric) not in truly and not _follows(c, slower)]
        named = {c.outcome for c in false}
        proves = world.runs > 1
        hit = [Outcome.REGRESSION] if proves else FOUND
        counts += [
            Outcome.REGRESSION in named,
            bool(named & {Outcome.REGRESSION, Outcome.IMPROVEMENT}),
            bool(named & set(FOUND)),
            any(c.name == "cell 0 ttft p50" and c.outcome in hit for c in changes),
            any(c.name == "cell 1 tpot p50" and c.outcome in hit for c in changes),
        ]
    return Rates(*(counts / repetitions))


def _follows(change: Change, slower: float) -> bool:
    """Whether a change of throughput is there because requests are slower."""
    return bool(slower) and change.metric == "output_tokens" and change.label in ("0", "1")


def compared(world: World, slower: float, chance: np.random.Generator) -> list[Change]:
    """One comparison's tested metrics."""
    count = 2 * world.runs
    sides = [0, 1] * world.runs if world.interleaved else [0] * world.runs + [1] * world.runs
    line = chance.normal(0, DRIFT) * np.arange(count) / max(1, count - 1)
    level = line + np.cumsum(chance.normal(0, STEP, count)) if world.drift else np.zeros(count)
    runs: tuple[list[Run], list[Run]] = ([], [])
    for place, side in enumerate(sides):
        common = chance.normal()
        cells = {}
        for number in range(world.cells):
            own = math.sqrt(0.5) * (common + chance.normal(size=2)) * world.effect + level[place]
            ttft, tpot = TTFT * np.exp(own[0]), TPOT * np.exp(own[1])
            if side and number == 0:
                ttft *= 1 + slower
            if side and number == 1:
                tpot *= 1 + slower
            cells["cell", str(number)] = _cell(world.requests, ttft, tpot, chance)
        record = RunRecord(
            f"{place:012x}", "simulated", "{}", "", "m", 0, {}, state="done", started_ns=place
        )
        runs[side].append(Run(record, cells))
    # nothing is read: simulated runs have no judged answers
    nowhere: results.Connection = None  # type: ignore[assignment]
    held = evidence.hold(nowhere, runs[0], runs[1], ())
    (changes,) = compare.judge([held], Policy())
    return [change for change in changes if change.primary]


def _cell(requests: int, ttft: float, tpot: float, chance: np.random.Generator) -> Cell:
    firsts = ttft * np.exp(chance.normal(0, SPREAD_TTFT, requests))
    gaps = tpot * np.exp(chance.normal(0, SPREAD_TPOT, requests))
    far = chance.random((2, requests)) < OUTLIERS
    firsts[far[0]] *= chance.uniform(1, 5, far[0].sum())
    gaps[far[1]] *= chance.uniform(1, 1.5, far[1].sum())
    ends = firsts + (TOKENS - 1) * gaps
    found = [
        Metric(name, f"p{q}", "ms", "lower", *interval, requests)
        for name, values in (("ttft", firsts), ("tpot", gaps))
        for q, interval in _percentiles(values)
    ]
    rate = TOKENS * requests / ends.sum() * 1e3
    half = 1.96 * float(ends.std() / ends.mean() / math.sqrt(requests)) * rate
    interval = (rate, rate - half, rate + half)
    found.append(Metric("output_tokens", "value", "tokens/s", "higher", *interval, requests))
    times = Times(np.arange(requests), firsts, gaps, ends)
    return Cell(0, "done", "", {(m.name, m.statistic): m for m in found}, times)


def _percentiles(values: Floats) -> list[tuple[int, tuple[float, float, float]]]:
    """Those that are tested, with the intervals that order statistics give: no resampling."""
    order = np.sort(values)
    ranks = np.arange(order.size)
    found = []
    for q in (50, 95):
        share = q / 100
        half = 1.96 * math.sqrt(share * (1 - share) / order.size)
        places = [share, max(0.0, share - half), min(1.0, share + half)]
        interval = np.interp(np.array(places) * (order.size - 1), ranks, order)
        found.append((q, (float(interval[0]), float(interval[1]), float(interval[2]))))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the repetitions")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    share = 10 if arguments.quick else 1
    begun = time.monotonic()
    print(f"| {' | '.join(COLUMNS)} |\n{'| --- ' * len(COLUMNS)}|")
    for world in worlds():
        tested = world.cells * (PER_CELL if world.requests >= 40 else PER_CELL - 2)
        null = simulate(world, 0.0, 2000 // share, arguments.seed)
        found = [simulate(world, by, 300 // share, arguments.seed) for by in (0.10, 0.15)]
        runs = f"{world.runs} + {world.runs}" + ", interleaved" * (
            world.interleaved and world.runs > 1
        )
        figures = [null.proven, null.changed, null.suspected]
        power = [figure for rates in found for figure in (rates.ttft, rates.tpot)]
        cells = [
            runs, tested, world.requests, f"{world.effect:.0%}", "yes" if world.drift else "no",
            *(f"{figure:.1%}" for figure in figures), *(f"{figure:.0%}" for figure in power),
        ]  # fmt: skip
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    print(f"\n{time.monotonic() - begun:.0f} s, seed {arguments.seed}")


def worlds() -> list[World]:
    """What is simulated, in the order of the table."""
    usual = World()
    return [
        usual,
        usual._replace(drift=True),
        usual._replace(interleaved=False),
        usual._replace(interleaved=False, drift=True),
        usual._replace(cells=2),
        usual._replace(cells=10),
        usual._replace(effect=0.0),
        *(
            usual._replace(requests=few, effect=effect)
            for few in (30, 10)
            for effect in (0.03, 0.0)
        ),
        usual._replace(runs=3),
        *(World(1, requests, 5, effect) for effect in (0.0, 0.03) for requests in (100, 30, 10)),
    ]


if __name__ == "__main__":
    main()
