"""What else differs between two sides than what was measured; said before any figure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any

from slipstream.tasks.benchmarking.compare.read import Run

HOURS = 1.0  # between two sides, from which on they are said to be apart
LENGTH = 0.02  # by which the length of answers may differ
GIB = 1 << 30


def differences(base: Sequence[Run], candidate: Sequence[Run]) -> Iterator[str]:
    """What differs, one sentence each."""
    for name, look in LOOKS.items():
        yield from _different(name, base, candidate, look)
    yield from _seeds(base, candidate)
    yield from _clients(base, candidate)
    yield from _properties(base, candidate)
    if not _same(base, candidate, _plan) and _same(base, candidate, lambda run: run.record.suite):
        changed = ", ".join(_changed(base[-1], candidate[-1]))
        yield f"The suite has the same name and another text{changed and f' ({changed})'}."
    yield from _prompts(base, candidate)
    yield from _lengths(base, candidate)
    yield from _withheld("base", base)
    yield from _withheld("candidate", candidate)
    yield from _busy((*base, *candidate))
    yield from _apart(base, candidate)


def _environment(name: str) -> Callable[[Run], str]:
    return lambda run: _text(run.record.environment.get(name))


def _server(name: str) -> Callable[[Run], str]:
    return lambda run: _text(_object(run.record.environment.get("server")).get(name))


def _memory(run: Run) -> str:
    found = run.record.environment.get("memory_bytes")
    return f"{found / GIB:.0f} GiB" if isinstance(found, int) else ""


LOOKS: dict[str, Callable[[Run], str]] = {
    "suite": lambda run: run.record.suite,
    "model": lambda run: run.record.model,
    "CPU": _environment("cpu"),
    "number of cores": _environment("cores"),
    "memory": _memory,
    "GPU": _environment("gpu"),
    "operating system": _environment("system"),
    "Python": _environment("python"),
    "server": _server("name"),
    "server's version": _server("version"),
    "counting of tokens": _environment("tokens"),
}
"""What is held against each other, in the order in which it is said."""


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _said(runs: Sequence[Run], look: Callable[[Run], str]) -> str:
    return " and ".join(dict.fromkeys(look(run) or "unknown" for run in runs))


def _same(base: Sequence[Run], candidate: Sequence[Run], look: Callable[[Run], str]) -> bool:
    return len({look(run) for run in (*base, *candidate)}) == 1


def _different(
    name: str, base: Sequence[Run], candidate: Sequence[Run], look: Callable[[Run], str]
) -> Iterator[str]:
    if not _same(base, candidate, look):
        yield f"Another {name}: base {_said(base, look)}, candidate {_said(candidate, look)}."


def _clients(base: Sequence[Run], candidate: Sequence[Run]) -> Iterator[str]:
    names = {
        name: None
        for run in (*base, *candidate)
        for name in _object(run.record.environment.get("clients"))
    }
    for name in names:

        def version(run: Run, name: str = name) -> str:
            return _text(_object(run.record.environment.get("clients")).get(name))

        yield from _different(f"version of {name}", base, candidate, version)


def _properties(base: Sequence[Run], candidate: Sequence[Run]) -> Iterator[str]:
    """What the server told of its model: its file, quantisation, limits."""

    def told(run: Run) -> dict[str, Any]:
        return _object(_object(run.record.environment.get("server")).get("model"))

    names = dict.fromkeys(name for run in (*base, *candidate) for name in told(run))
    for name in names:
        if name not in ("created", "id"):  # when the server was started; the model's name

            def value(run: Run, name: str = name) -> str:
                found = told(run).get(name)
                return json.dumps(found) if isinstance(found, dict | list) else _text(found)

            yield from _different(f"{name} of the model", base, candidate, value)


def _changed(base: Run, candidate: Run) -> Iterator[str]:
    """Names of the benchmarks that are not the same in both suites."""
    found = []
    for run in (base, candidate):
        try:
            suite = _object(json.loads(run.record.suite_json))
        except ValueError:
            return
        listed = suite.get("benchmarks")
        named = {b.get("name"): b for b in listed or [] if isinstance(b, dict)}
        found.append(named)
    before, after = found
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield str(name)


def _plan(run: Run) -> str:
    """The suite without its seed, which differs from run to run of a series."""
    try:
        suite = _object(json.loads(run.record.suite_json))
    except ValueError:
        return run.record.suite_json
    return json.dumps({name: value for name, value in suite.items() if name != "seed"})


def _seeds(base: Sequence[Run], candidate: Sequence[Run]) -> Iterator[str]:
    """Series of the same suite have the same seeds; the longer one has more."""
    before, after = ({run.record.seed for run in runs} for runs in (base, candidate))
    if not (before <= after or after <= before):
        said = (", ".join(map(str, sorted(seeds))) for seeds in (before, after))
        yield "Other seeds: base {}, candidate {}.".format(*said)


def _prompts(base: Sequence[Run], candidate: Sequence[Run]) -> Iterator[str]:
    """The digest tells less than the suite or the seed where one of those differs."""
    if not _same(base, candidate, _plan):
        return
    digests: dict[int, set[str]] = {}
    for run in (*base, *candidate):
        if run.record.digest:
            digests.setdefault(run.record.seed, set()).add(run.record.digest)
    if any(len(found) > 1 for found in digests.values()):
        yield "The prompts differ, though suite and seed are the same."


def _lengths(base: Sequence[Run], candidate: Sequence[Run]) -> Iterator[str]:
    """Answers of another length take another time."""
    key = ("completion_tokens", "mean")
    for cell in base[-1].cells:
        lengths = [
            [
                value
                for run in runs
                if cell in run.cells and key in run.cells[cell].metrics
                if (value := run.cells[cell].metrics[key].value)
            ]
            for runs in (base, candidate)
        ]
        if all(lengths):
            before, after = map(median, lengths)
            if abs(after - before) > LENGTH * before:
                yield (
                    f"Answers have another length in {' '.join(cell)}: "
                    f"{before:.4g} tokens, candidate {after:.4g}."
                )


def _withheld(side: str, runs: Sequence[Run]) -> Iterator[str]:
    cells = {
        " ".join(key): cell.withheld
        for run in runs
        for key, cell in run.cells.items()
        if cell.withheld
    }
    if cells:
        why = next(iter(cells.values()))
        yield f"Figures of the {side} are withheld in {', '.join(cells)}: {why}"


def _busy(runs: Sequence[Run]) -> Iterator[str]:
    loads = []
    for run in runs:
        about = run.record.environment
        load, cores = about.get("load_before"), about.get("cores")
        if isinstance(load, list) and load and isinstance(cores, int) and load[0] > cores:
            loads.append((load[0], cores, run.record.id))
    if loads:
        load, cores, identity = max(loads)
        which = f"run {identity}" if len(loads) == 1 else f"{len(loads)} of {len(runs)} runs"
        most = "load" if len(loads) == 1 else "load up to"
        yield f"The machine was busy when {which} began: {most} {load:.1f} on {cores} cores."


def _apart(base: Sequence[Run], candidate: Sequence[Run]) -> Iterator[str]:
    starts = [[run.record.started_ns for run in runs] for runs in (base, candidate)]
    gap = max(min(starts[1]) - max(starts[0]), min(starts[0]) - max(starts[1])) / 3.6e12
    if gap > HOURS:
        apart = f"{gap:.0f} hours" if gap < 48 else f"{gap / 24:.0f} days"
        yield (
            f"Base and candidate were measured {apart} apart: what changed on the machine since "
            "then looks like a change of the server."
        )
