"""Benchmarks of one's own: a Python function that gives requests, or measures itself.

    def requests(settings):            # `gives: requests`
        yield {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}

    def samples(settings):             # `gives: samples`
        started = time.perf_counter_ns()
        ...
        yield {"sent_ns": started, "ended_ns": time.perf_counter_ns(), "output_tokens": 8}

`settings` has base_url, model, seed, warmup, iterations, prompt_tokens, output_tokens, concurrency
and rate. The function runs in a process of its own, which is ended when its time is up; what it
prints does not reach the terminal. Only a suite file that is named runs one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import IO, Any

from slipstream.storage.errors import SlipError
from slipstream.tasks.benchmarking.clients import module_environment
from slipstream.tasks.benchmarking.faults import Fault
from slipstream.tasks.benchmarking.model import Phase, Sample, Source

MODULE = "slipstream.tasks.benchmarking.custom"
LONGEST = 16 * 1024 * 1024  # bytes of one request or sample
_NUMBERS = ("prompt_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
_KNOWN = frozenset({"sent_ns", "ended_ns", "chunk_ns", "fault", "detail", "status", *_NUMBERS})


@asynccontextmanager
async def running(
    entry: str, folder: str, settings: Mapping[str, Any]
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """Run an entry point, and have what it gives as it comes.

    Args:
        entry: `module:function`.
        folder: Where the module is looked for first; empty: among what is installed.
        settings: What the function is given.

    Raises:
        SlipError: While it is read: there is no such function, or it failed.
    """
    with tempfile.TemporaryFile() as words:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            MODULE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=words,
            env=module_environment(),
            limit=LONGEST,
            start_new_session=sys.platform != "win32",
        )
        assert process.stdin is not None
        asked = {"entry": entry, "folder": folder, "settings": dict(settings)}
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        try:
            yield _given(process, entry, words)
        finally:
            with contextlib.suppress(ProcessLookupError):
                if sys.platform != "win32":
                    os.killpg(process.pid, signal.SIGKILL)
                else:  # pragma: no cover - cannot run here
                    process.kill()
            await process.wait()


async def collect(
    entry: str,
    folder: str,
    settings: Mapping[str, Any],
    take: Callable[[dict[str, Any]], bool],
    seconds: float,
    cancelled: asyncio.Event,
) -> str:
    """Run an entry point, and hand over what it gives.

    Args:
        entry: `module:function`.
        folder: Where the module is looked for first; empty: among what is installed.
        settings: What the function is given.
        take: Is given each thing; returns False when it has enough.
        seconds: Most time.
        cancelled: Set by somebody else to end within a second.

    Returns:
        `done`, `enough`, `time` or `cancelled`.

    Raises:
        SlipError: There is no such function, or it failed.
    """

    async def work() -> str:
        async with running(entry, folder, settings) as given:
            async for value in given:
                if not take(value):
                    return "enough"
        return "done"

    working, stop = asyncio.create_task(work()), asyncio.create_task(cancelled.wait())
    try:
        await asyncio.wait((working, stop), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        return "cancelled" if stop.done() else "time"
    finally:
        working.cancel()
        stop.cancel()
        await asyncio.gather(working, stop, return_exceptions=True)


async def _given(
    process: asyncio.subprocess.Process, entry: str, words: IO[bytes]
) -> AsyncIterator[dict[str, Any]]:
    assert process.stdout is not None
    while True:
        try:
            line = await process.stdout.readline()
        except ValueError as error:
            raise SlipError(f"{entry} gives something over {LONGEST >> 20} MiB.") from error
        if not line:
            words.seek(0)
            last = words.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise SlipError(f"{entry} ended its process{': ' if last else ''}{last[:200]}.")
        value = json.loads(line)
        if "given" not in value:
            if told := value.get("error"):
                raise SlipError(f"{entry} {told}.")
            return
        if not isinstance(value["given"], dict):
            raise SlipError(f"{entry} gives something that is no object with names.")
        yield value["given"]


def sample(value: Mapping[str, Any], number: int, entry: str) -> Sample:
    """A sample that a function of the user's measured.

    Args:
        value: `sent_ns` and `ended_ns` of `time.perf_counter_ns()`; optional: `chunk_ns` (when each
            chunk with tokens came, after `sent_ns`), `prompt_tokens`, `output_tokens`,
            `cached_tokens`, `reasoning_tokens`, `status`, `fault` (a kind of fault) and `detail`.
        number: Of the sample.
        entry: For messages.

    Raises:
        SlipError: It is none.
    """
    if unknown := set(value) - _KNOWN:
        raise SlipError(f"{entry} gives a sample with {min(unknown)!r}, which samples do not have.")
    for name in ("sent_ns", "ended_ns"):
        if not _whole(value.get(name)):
            raise SlipError(f"{entry} gives a sample without {name} (a whole number of ns).")
    for name in (*_NUMBERS, "status"):
        if value.get(name) is not None and not _whole(value[name]):
            raise SlipError(f"{entry} gives a sample whose {name} is no whole number.")
    sent, ended, chunks = value["sent_ns"], value["ended_ns"], value.get("chunk_ns", [])
    if not isinstance(chunks, list) or not all(map(_whole, chunks)) or chunks != sorted(chunks):
        raise SlipError(f"{entry} gives a sample whose chunk_ns are not ns in their order.")
    if ended < sent or (chunks and chunks[-1] > ended - sent):
        raise SlipError(f"{entry} gives a sample that ends before it begins, or before its chunks.")
    try:
        fault = Fault(value["fault"]) if value.get("fault") else None
    except ValueError:
        names = ", ".join(Fault)
        raise SlipError(f"{entry} gives a fault that is none of {names}.") from None
    output = value.get("output_tokens")
    return Sample(
        number=number,
        phase=Phase.MEASURED,
        worker=0,
        intended_ns=sent,
        sent_ns=sent,
        ended_ns=ended,
        status=value.get("status") or 0,
        chunk_ns=array("q", chunks),
        chunk_tokens=array("q"),
        prompt_tokens=value.get("prompt_tokens"),
        output_tokens=output if output is not None else len(chunks) or None,
        cached_tokens=value.get("cached_tokens"),
        reasoning_tokens=value.get("reasoning_tokens"),
        source=Source.ESTIMATE if output is None else Source.SERVER,
        prompt_source=Source.SERVER,
        fault=fault,
        detail=str(value.get("detail", ""))[:500],
    )


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def main() -> None:
    """The process in which the function runs: what it gives goes out as lines of JSON."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the function prints is no part of it
    asked = json.loads(sys.stdin.readline())

    def tell(value: dict[str, Any]) -> None:
        out.write(json.dumps(value) + "\n")
        out.flush()

    if asked["folder"]:
        sys.path.insert(0, asked["folder"])
    try:
        for given in _called(asked["entry"], asked["settings"]):
            tell({"given": given})
        tell({"done": True})
    except BaseException as error:  # whatever a function of the user's does is told
        words = " ".join(str(error).split())
        tell({"error": f"failed ({type(error).__name__}{': ' if words else ''}{words[:300]})"})


def _called(entry: str, settings: Mapping[str, Any]) -> Iterable[Any]:
    import importlib

    module, _, name = entry.partition(":")
    function: Callable[[Mapping[str, Any]], Iterable[Any]]
    function = getattr(importlib.import_module(module), name)
    return function(settings)


if __name__ == "__main__":
    main()
