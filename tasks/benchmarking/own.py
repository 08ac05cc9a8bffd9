"""A cell whose requests or samples come from a function of the user's own."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from slipstream.storage.errors import SlipError
from slipstream.tasks.benchmarking import custom
from slipstream.tasks.benchmarking.answer import Answer
from slipstream.tasks.benchmarking.cell import Ended, Progress
from slipstream.tasks.benchmarking.model import Phase, Sample
from slipstream.tasks.benchmarking.requests import Requests
from slipstream.tasks.benchmarking.suite import Cell, Suite

if TYPE_CHECKING:
    from slipstream.tasks.benchmarking.build import Builder


class Own:
    """What the function of a cell gives."""

    def __init__(
        self, suite: Suite, cell: Cell, base_url: str, model: str, cancelled: asyncio.Event
    ) -> None:
        """Prepare.

        Args:
            suite: The cell's.
            cell: What is measured.
            base_url: Of the server.
            model: The one that is measured.
            cancelled: Set by somebody else to end within a second.
        """
        self._benchmark = cell.benchmark
        self._cancelled = cancelled
        self._settings = {
            "base_url": base_url,
            "model": model,
            "seed": suite.seed,
            "warmup": cell.benchmark.warmup,
            "iterations": cell.benchmark.iterations,
            "prompt_tokens": cell.prompt_tokens,
            "output_tokens": cell.benchmark.output_tokens,
            "concurrency": cell.slots,
            "rate": cell.rate,
        }

    async def requests(self) -> list[Mapping[str, Any]]:
        """The arguments of its requests, as many as are measured at most.

        Raises:
            SlipError: There are none, or the function failed.
        """
        found: list[Mapping[str, Any]] = []

        def take(value: dict[str, Any]) -> bool:
            found.append(value)
            return len(found) < self._benchmark.warmup + self._benchmark.iterations

        end = await self._collect(take)
        if end == "time":
            raise SlipError(f"{self._benchmark.entry} gave no requests in time.")
        if not found and end != "cancelled":
            raise SlipError(f"{self._benchmark.entry} gives no request.")
        return found

    def check(self, builder: Builder, requests: Requests, number: int) -> None:
        """See that the client takes the first `number` requests.

        Raises:
            SlipError: It does not take one.
        """
        for place in range(number):
            try:
                builder.build(requests.make(Phase.MEASURED, place))
            except Exception as error:  # of whatever kind the client makes of wrong arguments
                words = " ".join(str(error).split())[:300]
                raise SlipError(
                    f"{self._benchmark.entry} gives a request that the client does not take: "
                    f"{words}."
                ) from error

    async def measure(
        self,
        save: Callable[[Sample, Answer], None],
        known: int,
        progress: Callable[[Progress], None],
    ) -> Ended:
        """Have it measure by itself.

        Args:
            save: Is given each sample.
            known: How many samples there are already.
            progress: Is told how far it is.

        Raises:
            SlipError: The function failed, or gives what is no sample.
        """
        wanted = self._benchmark.iterations
        done = failed = 0

        def take(value: dict[str, Any]) -> bool:
            nonlocal done, failed
            made = custom.sample(value, known + done, self._benchmark.entry)
            save(made, Answer())
            done += 1
            failed += not made.good
            progress(Progress(known + done, wanted, failed, made))
            return known + done < wanted

        started = time.monotonic()
        end = await self._collect(take)
        if not done and end == "done":
            raise SlipError(f"{self._benchmark.entry} gives no sample.")
        reasons = {
            "time": f"The limit of {self._benchmark.limit_s:g} s was reached.",
            "cancelled": "It was cancelled.",
        }
        return Ended(end, reasons.get(end, ""), time.monotonic() - started, array("q"))

    async def _collect(self, take: Callable[[dict[str, Any]], bool]) -> str:
        benchmark = self._benchmark
        return await custom.collect(
            benchmark.entry,
            benchmark.folder,
            self._settings,
            take,
            benchmark.limit_s,
            self._cancelled,
        )
