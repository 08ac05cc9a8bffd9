"""When the requests of an open loop are due, whatever the server does."""

import random
from collections.abc import Iterator
from typing import Literal, TypeAlias

Arrival: TypeAlias = Literal["constant", "poisson", "gamma"]


def offsets(
    arrival: Arrival, rate: float, seed: int | str, burstiness: float = 1.0
) -> Iterator[int]:
    """Nanoseconds after the start at which each request is due, without end.

    Args:
        arrival: `constant`: evenly; `poisson`: exponential gaps, as of many independent users;
            `gamma`: gaps of a gamma distribution of the same mean.
        rate: Requests per second, on average.
        seed: The same seed gives the same moments.
        burstiness: Shape of the gamma distribution, as vLLM's `--burstiness` has it: below 1 more
            bursty than Poisson, above 1 more even.
    """
    chance = random.Random(seed)
    mean = 1 / rate
    moment = 0.0
    while True:
        yield round(moment * 1e9)
        if arrival == "constant":
            moment += mean
        elif arrival == "poisson":
            moment += chance.expovariate(rate)
        else:
            moment += chance.gammavariate(burstiness, mean / burstiness)
