"""All flows by name, for commands that look before Prefect is imported."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, get_type_hints

from slipstream.storage.errors import NotFoundError

if TYPE_CHECKING:
    from prefect import Flow
    from pydantic import BaseModel


class Listed(NamedTuple):
    """A flow.

    Attributes:
        module: Below `slipstream.flows`.
        function: Its name in the module. Its one argument `parameters` is a pydantic model.
        does: What it does, in a few words.
    """

    module: str
    function: str
    does: str


FLOWS = {
    "summarize-output": Listed(
        "summarize_output", "summarize_output", "summarises logs, a task for each"
    ),
    "warm-cache": Listed("warm_cache", "warm_cache", "indexes a commit, in batches"),
    "invalidate-cache": Listed(
        "invalidate_cache", "invalidate_cache", "removes entries of the cache"
    ),
    "run-benchmark": Listed(
        "run_benchmark", "run_benchmark", "measures a model server, and compares with the baseline"
    ),
    "compare-benchmarks": Listed(
        "compare_benchmarks", "compare_benchmarks", "compares runs that were stored"
    ),
    "maintain": Listed("maintain", "maintain", "takes care of all stores"),
}


def named(name: str) -> Listed:
    """A flow by its name.

    Raises:
        NotFoundError: There is none; the nearest is named.
    """
    if name in FLOWS:
        return FLOWS[name]
    near = difflib.get_close_matches(name, FLOWS, n=1)
    advice = f"did you mean {near[0]}?" if near else "`slip flow ls` shows all."
    raise NotFoundError(f"There is no flow {name}; {advice}")


def imported(name: str) -> Flow[..., Any]:
    """The flow itself. Prefect is imported with it: set its environment before.

    Raises:
        NotFoundError: There is none.
    """
    listed = named(name)
    module = import_module(f"slipstream.flows.{listed.module}")
    found: Flow[..., Any] = getattr(module, listed.function)
    return found


def model_of(flow: Flow[..., Any]) -> type[BaseModel]:
    """The model of a flow's parameters."""
    found: type[BaseModel] = get_type_hints(flow.fn)["parameters"]
    return found
