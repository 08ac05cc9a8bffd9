"""Suites: files that say what is measured, and how. Validated, versioned, yours or ours.

A suite is a YAML or JSON file; `suite.schema.json` (from `python -m …suite`) describes it for
editors. A benchmark makes one cell for each combination of its prompt lengths and its
concurrencies or rates.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking.arrivals import Arrival
from slipstream.tasks.benchmarking.metrics import LATENCIES

FORMAT = 1  # of suite files; a reader takes its own and older ones
PACKAGE = "slipstream.tasks.benchmarking.suites"
LARGEST = 1024 * 1024  # bytes of a suite file

Count: TypeAlias = Annotated[int, Field(ge=1, le=10_000_000)]
Tokens: TypeAlias = Annotated[int, Field(ge=1, le=10_000_000)]
Slots: TypeAlias = Annotated[int, Field(ge=1, le=100_000)]
Rate: TypeAlias = Annotated[float, Field(gt=0, le=100_000)]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=86_400)]
Milliseconds: TypeAlias = Annotated[float, Field(gt=0, le=86_400_000)]
Name: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Family: TypeAlias = Literal[
    "latency", "throughput", "context", "agent", "memory", "start", "single_token",
    "prompt_encoding", "batch", "custom", "tools", "code", "explain",
]  # fmt: skip
Entry: TypeAlias = Annotated[str, Field(pattern=r"^([A-Za-z_][\w.]*:[A-Za-z_]\w*)?$")]
Prefix: TypeAlias = Literal["unique", "shared"]

_ALONE: dict[str, Any] = {"concurrency": [1]}
_MICRO: dict[str, Any] = {"warmup": 5, "iterations": 100, "output_tokens": 1} | _ALONE
_JUDGED: dict[str, Any] = {"warmup": 1, "output_tokens": 1024, "limit_s": 3600} | _ALONE
JUDGED = ("tools", "code", "explain")
"""Families whose answers are right or wrong."""
FAMILIES: dict[str, str] = {
    "latency": "What one user waits for.",
    "throughput": "How much a server does at once, and at which rate it still answers in time.",
    "context": "Prompts of many lengths, with a cold and a warm prefix cache.",
    "agent": "A coding agent: a long shared beginning, tools, short answers.",
    "memory": "Memory of the server and of the client.",
    "start": "How long until a server answers: started anew (cold), and running (warm).",
    "single_token": "What one token costs alone.",
    "prompt_encoding": "What reading a prompt costs alone: its tokens per second.",
    "batch": "What requests sent at once cost; the next ones when all of them have ended.",
    "custom": "A Python function of your own, which gives requests or measures itself.",
    "tools": "Whether the right tools are called with the right arguments.",
    "code": "Whether code that the model writes passes its tests.",
    "explain": "Whether explanations state the facts that they have to.",
}
"""What each family measures."""
DEFAULTS: dict[str, dict[str, Any]] = {
    "single_token": _MICRO | {"prompt_tokens": [16]},
    "prompt_encoding": _MICRO | {"prompt_tokens": [256, 1024]},
    "batch": _MICRO | {"concurrency": [1, 4, 16], "prompt_tokens": [64], "output_tokens": 16},
    "start": {"warmup": 0, "iterations": 3, "output_tokens": 1, "prompt_tokens": [16]} | _ALONE,
    "custom": _ALONE,
    "tools": {"cases": "coding"} | _JUDGED,
    "code": {"cases": "code"} | _JUDGED,
    "explain": {"cases": "explain"} | _JUDGED,
}
"""What a benchmark of a family has where its file does not say; others: as the fields say."""


class Strict(BaseModel):
    """Unknown names are refused; nothing changes once it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Stop(Strict):
    """When enough has been measured."""

    metric: str = Field("ttft", description="A metric of requests, in ms.")
    relative: float = Field(
        0.05, gt=0, le=1, description="Half the 95 % interval of its mean, as a share of the mean."
    )

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.metric not in LATENCIES:
            raise ValueError(f"metric {self.metric!r} is none of {', '.join(LATENCIES)}")
        return self


class Objectives(Strict):
    """The most that a request may take to count for goodput; what is left out is not asked for."""

    ttft_ms: Milliseconds | None = Field(None, description="Time to first token.")
    itl_ms: Milliseconds | None = Field(None, description="Mean inter-token latency.")
    tpot_ms: Milliseconds | None = Field(None, description="Time per output token.")
    e2e_ms: Milliseconds | None = Field(None, description="End to end.")

    def as_metrics(self) -> dict[str, float]:
        """By the name of the metric."""
        given = self.model_dump(exclude_none=True)
        return {name.removesuffix("_ms"): limit for name, limit in given.items()}


class Benchmark(Strict):
    """What is sent, and under which load."""

    name: Name
    family: Family = Field("latency", description="What it is for; reports are grouped by it.")
    endpoint: Literal["chat", "completions"] = Field("chat", description="Which one is asked.")
    prompt_tokens: list[Tokens] = Field(
        [128],
        min_length=1,
        description="Lengths of prompts, with what the chat template adds where the server tells "
        "that, without tools and what is shared.",
    )
    output_tokens: Tokens = Field(64, description="Most tokens of an answer.")
    prefix: Prefix = Field(
        "unique",
        description="`unique`: each prompt begins with words of its own, so that no prefix cache "
        "helps; `shared`: all prompts of a cell are the same.",
    )
    shared_tokens: int = Field(
        0, ge=0, le=10_000_000, description="A system prompt of that length, the same for all."
    )
    tools: bool = Field(False, description="Offer tools, as a coding agent does.")
    cold: bool = Field(
        False,
        description="Of `start`: start the server anew for each request, or have it unload its "
        "model where no command starts it.",
    )
    entry: Entry = Field(
        "", description="Of `custom`: `module:function`, in the suite's own folder or installed."
    )
    gives: Literal["requests", "samples"] = Field(
        "requests", description="Of `custom`: what the function gives; see the documentation."
    )
    folder: str = Field("", description="Of `custom`: where its module is, if not there.")
    cases: str = Field(
        "",
        description="Of `tools`, `code`, `explain`: cases by name, such as `coding`, or a file.",
    )
    repeats: int = Field(1, ge=1, le=1000, description="The same: how often each case is asked.")
    categories: list[str] = Field([], description="The same: only cases of these categories.")
    ids: list[str] = Field([], description="The same: only these cases.")
    tags: list[str] = Field([], description="The same: only cases that have one of these tags.")
    concurrency: list[Slots] = Field([], description="Closed loop: requests at the same time.")
    rate: list[Rate] = Field([], description="Open loop: requests per second.")
    arrival: Arrival = Field("poisson", description="Open loop: how requests come.")
    burstiness: float = Field(1.0, gt=0, le=100, description="Shape of `gamma` arrivals.")
    warmup: int = Field(3, ge=0, le=1_000_000, description="Requests that are not counted.")
    iterations: Count = Field(10, description="Requests that are; with `stop` the most of them.")
    ramp_s: float = Field(0.0, ge=0, le=3600, description="Over how long the load begins.")
    limit_s: Seconds = Field(300, description="Most time for one cell.")
    stop: Stop | None = Field(None, description="End earlier, when that is known well enough.")
    objectives: Objectives = Field(Objectives.model_validate({}), description="For goodput.")

    @model_validator(mode="before")
    @classmethod
    def _as_its_family(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not isinstance(value.get("family"), str):
            return value
        defaults = DEFAULTS.get(value["family"], {})
        if value.get("rate"):
            defaults = {name: new for name, new in defaults.items() if name != "concurrency"}
        return {**defaults, **value}

    @model_validator(mode="after")
    def _one_loop(self) -> Self:
        if bool(self.concurrency) == bool(self.rate):
            raise ValueError(f"benchmark {self.name}: give either concurrency or rate")
        if self.rate and (self.family == "batch" or self.cold):
            raise ValueError(f"benchmark {self.name}: {self.family} has no rate")
        if self.cold and self.family != "start":
            raise ValueError(f"benchmark {self.name}: only the family start can be cold")
        if bool(self.entry) != (self.family == "custom"):
            raise ValueError(f"benchmark {self.name}: custom needs an entry, and others have none")
        if bool(self.cases) != (self.family in JUDGED):
            raise ValueError(f"benchmark {self.name}: {', '.join(JUDGED)} have cases, others none")
        if self.cases and self.endpoint != "chat":
            raise ValueError(f"benchmark {self.name}: only chat takes cases")
        return self


class Suite(Strict):
    """Benchmarks that are run together."""

    version: Literal[1] = Field(1, description="Of the file's format.")
    name: Name
    description: str = Field("", description="One sentence.")
    seed: int = Field(0, description="Of prompts, arrivals and intervals.")
    temperature: float = Field(0.0, ge=0, le=2, description="0: always the likeliest token.")
    include: list[Name] = Field(
        [], description="Shipped suites whose benchmarks come first, as `suite-benchmark`."
    )
    benchmarks: list[Benchmark] = Field([], description="What is measured, in this order.")

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if not self.benchmarks and not self.include:
            raise ValueError("there is no benchmark")
        names = [benchmark.name for benchmark in self.benchmarks]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"more than one benchmark is called {', '.join(sorted(twice))}")
        return self


class Cell(NamedTuple):
    """A benchmark at one length of prompt and one concurrency or rate.

    Attributes:
        position: From 0 within the suite.
        benchmark: What it is part of.
        prompt_tokens: Length of its prompts.
        slots: Requests at the same time; 0: an open loop.
        rate: Requests per second in an open loop, else 0.
    """

    position: int
    benchmark: Benchmark
    prompt_tokens: int
    slots: int
    rate: float

    @property
    def label(self) -> str:
        """What tells it from the other cells of its benchmark."""
        load = f"concurrency={self.slots}" if self.slots else f"rate={self.rate:g}/s"
        several = len(self.benchmark.prompt_tokens) > 1
        return f"prompt={self.prompt_tokens} {load}" if several else load


def cells(suite: Suite) -> list[Cell]:
    """The cells of a suite, in the order in which they are run."""
    found: list[Cell] = []
    for benchmark in suite.benchmarks:
        loads = [(slots, 0.0) for slots in benchmark.concurrency]
        loads += [(0, rate) for rate in benchmark.rate]
        for tokens in benchmark.prompt_tokens:
            for slots, rate in loads:
                found.append(Cell(len(found), benchmark, tokens, slots, rate))
    return found


def shipped() -> list[str]:
    """The names of the suites that ship with Slipstream."""
    folder = resources.files(PACKAGE)
    return sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if ".yaml" in f.name)


def load(name: str) -> Suite:
    """A suite by its name, or by the path of its file.

    Raises:
        UsageError: There is none, or it is not valid; the sentence says where.
    """
    if name in shipped():
        text = resources.files(PACKAGE).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
        return parse(text, name)
    path = Path(name)
    if path.suffix not in (".yaml", ".yml", ".json"):
        raise UsageError(
            f"There is no suite {name}; there are {', '.join(shipped())}, and your own files "
            "(.yaml, .json)."
        )
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{name} is too large for a suite (over 1 MiB).")
        return _placed(parse(path.read_text(encoding="utf-8"), name), path.absolute().parent)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"The suite {name} cannot be read: {reason}.") from error


def parse(text: str, where: str) -> Suite:
    """A suite from the text of its file (JSON is YAML).

    Raises:
        UsageError: It is not valid.
    """
    import yaml

    try:
        return _whole(Suite.model_validate(yaml.safe_load(text)))
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"{where} is not YAML: {' '.join(str(error).split())}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        words = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{where}: {place + ': ' if place else ''}{words}.") from error


def _placed(suite: Suite, folder: Path) -> Suite:
    """The suite, with where the modules of its custom benchmarks and its files of cases are."""
    found = []
    for b in suite.benchmarks:
        if b.entry:
            b = b.model_copy(update={"folder": str(folder / b.folder)})
        elif b.cases.endswith(".json"):
            b = b.model_copy(update={"cases": str(folder / b.cases)})
        found.append(b)
    return suite.model_copy(update={"benchmarks": found})


def _whole(suite: Suite) -> Suite:
    """The suite with the benchmarks of those that it includes."""
    found: list[Benchmark] = []
    for name in suite.include:
        if name not in shipped():
            raise UsageError(f"suite {suite.name}: there is no suite {name} to include.")
        for benchmark in load(name).benchmarks:
            new = {"name": f"{name}-{benchmark.name}"}
            found.append(benchmark.model_copy(update=new))
    return suite.model_copy(update={"include": [], "benchmarks": found + suite.benchmarks})


def selected(suite: Suite, names: Sequence[str]) -> Suite:
    """The suite with these benchmarks alone; all where none is named.

    Raises:
        UsageError: It has no such benchmark.
    """
    known = [benchmark.name for benchmark in suite.benchmarks]
    if wrong := [name for name in names if name not in known]:
        raise UsageError(
            f"The suite {suite.name} has no benchmark {wrong[0]}; it has {', '.join(known)}."
        )
    chosen = [b for b in suite.benchmarks if not names or b.name in names]
    return suite.model_copy(update={"benchmarks": chosen})


def changed(suite: Suite, changes: dict[str, Any]) -> Suite:
    """The suite with settings of all its benchmarks replaced, as by the command line.

    Raises:
        UsageError: A value is out of bounds.
    """
    value = suite.model_dump(mode="json")
    for name in ("seed", "temperature"):
        if name in changes:
            value[name] = changes[name]
    own = {name: new for name, new in changes.items() if name not in ("seed", "temperature")}
    if "concurrency" in own:
        own["rate"] = []
    elif "rate" in own:
        own["concurrency"] = []
    for benchmark in value["benchmarks"]:
        benchmark.update(own)
    return parse(json.dumps(value), f"suite {suite.name}")


def schema() -> dict[str, Any]:
    """The JSON Schema of suite files."""
    return Suite.model_json_schema()
