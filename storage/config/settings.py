"""Every setting: its name, its default, its bounds. Data only, imported by each start of `slip`.

The pydantic model (`model.py`) takes the defaults and bounds from here and adds the descriptions;
it is imported only when a file or a variable has changed.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

KIB = 1024
MIB = 1024**2
GIB = 1024**3

Mode: TypeAlias = Literal["local-only", "burst", "air-gapped"]
LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]
FailOn: TypeAlias = Literal["minor", "moderate", "major", "critical", "never"]
SeverityName: TypeAlias = Literal["fatal", "error", "warning", "info"]
Number: TypeAlias = int | float

# From the most closed to the most open: a repository may close further, never open.
MODES: tuple[Mode, ...] = ("air-gapped", "local-only", "burst")


class Profiles(NamedTuple):
    """Bytes of a summary for `--profile`; the profile `summary` is `summary.max_bytes`."""

    cli: int = 20 * KIB
    llm: int = 8 * KIB


class TypeLimits(NamedTuple):
    """Limits for one type of output; None leaves what holds for all types."""

    max_bytes: int | None = None
    section_bytes: int | None = None
    item_bytes: int | None = None
    max_errors: int | None = None


class Summary(NamedTuple):
    """How large a summary may be (bytes of UTF-8) and how long a strategy may take (seconds)."""

    max_bytes: int = 10 * KIB
    section_bytes: int = 5 * KIB
    item_bytes: int = 2 * KIB
    session_bytes: int = 100 * KIB
    max_errors: int = 25
    time_limit_seconds: float = 5.0
    redact: bool = True
    profiles: Profiles = Profiles()
    types: Mapping[str, TypeLimits] = {}


class Retention(NamedTuple):
    """How long full logs are kept, and how many bytes of them."""

    days: int = 7
    max_bytes: int = 5 * GIB


class Storage(NamedTuple):
    """Where results are kept; empty: in the data folder alone."""

    database_url: str = ""
    redis_url: str = ""


class CacheLimits(NamedTuple):
    """How much the cache of computed things keeps, and how it looks at a repository."""

    ttl_days: float = 7.0
    max_bytes: int = GIB
    max_entries: int = 1_000_000
    memory_bytes: int = 64 * MIB
    audit_share: float = 0.001
    git_timeout_ms: int = 100


class Index(NamedTuple):
    """What of a repository is indexed, and with how many processes (0: one for each core)."""

    max_file_bytes: int = MIB
    workers: int = 0


class Embeddings(NamedTuple):
    """The server that turns text into vectors; without a URL and a model there are none."""

    base_url: str = ""
    model: str = ""
    api_key_variable: str = "OPENAI_API_KEY"
    batch: int = 64


class Telemetry(NamedTuple):
    """How much is recorded of each operation of the cache, and for how long."""

    sample: float = 1.0
    minute_days: int = 2
    hour_days: int = 30
    day_days: int = 730


class Bench(NamedTuple):
    """The model server that is measured when a command names none, and what becomes of results."""

    base_url: str = ""
    model: str = ""
    api_key_variable: str = "OPENAI_API_KEY"
    suite: str = "smoke"
    keep_days: int = 90
    threshold_percent: float = 5.0
    fail_on: FailOn = "minor"


class Server(NamedTuple):
    """Where `slip up` serves Prefect's pages; 4200 is left to a server of the user's own."""

    host: str = "127.0.0.1"
    port: int = 4283


class Schedule(NamedTuple):
    """When a flow is run by itself, and with what."""

    when: str
    paused: bool = False
    parameters: Mapping[str, Any] = {}


class Schedules(NamedTuple):
    """What `slip up` runs by itself."""

    timezone: str = ""
    repositories: tuple[str, ...] = ()
    run_benchmark: Schedule = Schedule("0 3 * * *")
    warm_cache: Schedule = Schedule("every 30 minutes")
    maintain_light: Schedule = Schedule("every 1 hour")
    maintain_full: Schedule = Schedule("30 4 * * *")


class Log(NamedTuple):
    """The program's own log."""

    level: LogLevel = "info"


class Pattern(NamedTuple):
    """A pattern of the user's: what makes a line a finding.

    Attributes:
        regex: Named groups `message`, `file`, `line`, `column`, `code` are used where present.
        type: The type of output it belongs to; empty: any.
        example: A line it must match; a pattern that does not is refused.
        where: `file:line` of its definition, for messages.
    """

    name: str
    regex: str
    severity: SeverityName = "error"
    type: str = ""
    example: str = ""
    where: str = ""


class Config(NamedTuple):
    """All settings, resolved."""

    mode: Mode = "local-only"
    summary: Summary = Summary()
    retention: Retention = Retention()
    storage: Storage = Storage()
    cache: CacheLimits = CacheLimits()
    index: Index = Index()  # type: ignore[assignment]  # a tuple has a method of that name
    embeddings: Embeddings = Embeddings()
    telemetry: Telemetry = Telemetry()
    bench: Bench = Bench()
    server: Server = Server()
    schedules: Schedules = Schedules()
    log: Log = Log()
    patterns: tuple[Pattern, ...] = ()


DEFAULTS = Config()

# Smallest and largest value; one outside is brought to the nearer of the two, and said.
BOUNDS: dict[str, tuple[Number, Number]] = {
    "summary.max_bytes": (KIB, 1024 * KIB),
    "summary.section_bytes": (KIB // 2, 1024 * KIB),
    "summary.item_bytes": (KIB // 4, 1024 * KIB),
    "summary.session_bytes": (KIB, 1024 * 1024 * KIB),
    "summary.max_errors": (1, 10_000),
    "summary.time_limit_seconds": (0.1, 600.0),
    "summary.profiles.cli": (KIB, 1024 * KIB),
    "summary.profiles.llm": (KIB, 1024 * KIB),
    "retention.days": (1, 36_500),
    "retention.max_bytes": (1024 * KIB, 1024 * 1024 * GIB),
    "cache.ttl_days": (0.0001, 36_500.0),
    "cache.max_bytes": (MIB, 1024 * 1024 * GIB),
    "cache.max_entries": (100, 1_000_000_000),
    "cache.memory_bytes": (0, 1024 * GIB),
    "cache.audit_share": (0.0, 1.0),
    "cache.git_timeout_ms": (1, 600_000),
    "index.max_file_bytes": (KIB, GIB),
    "index.workers": (0, 256),
    "embeddings.batch": (1, 4096),
    "telemetry.sample": (0.0, 1.0),
    "telemetry.minute_days": (1, 36_500),
    "telemetry.hour_days": (1, 36_500),
    "telemetry.day_days": (1, 36_500),
    "bench.keep_days": (1, 36_500),
    "server.port": (0, 65_535),
    "bench.threshold_percent": (0.1, 1000.0),
}

# Named groups that a user's pattern may have.
PATTERN_GROUPS = ("message", "file", "line", "column", "code")

PREFIX = "SLIPSTREAM_"

# Variables with that prefix that are not settings.
OTHER_VARIABLES = frozenset(
    {"SLIPSTREAM_HOME", "SLIPSTREAM_CONFIG", "SLIPSTREAM_TRACE_ID", "SLIPSTREAM_BENCH_LOCK"}
)


class Limits(NamedTuple):
    """What holds for one summary, in bytes of UTF-8 and a number of errors."""

    max_bytes: int
    section_bytes: int
    item_bytes: int
    max_errors: int


def limits(
    config: Config, type: str = "", profile: str = "summary", max_bytes: int | None = None
) -> Limits:
    """The limits of one summary: what was asked for, else the profile, else the type's, else all's.

    Args:
        config: The settings.
        type: The type of the output, as `slip types` lists it.
        profile: `summary`, `cli` or `llm`.
        max_bytes: The command line's own limit; brought into bounds by `bounded` before.
    """
    all_types = config.summary
    own = all_types.types.get(type, TypeLimits())
    whole = own.max_bytes or all_types.max_bytes
    if profile != "summary":
        whole = getattr(config.summary.profiles, profile)
    return Limits(
        max_bytes=max_bytes or whole,
        section_bytes=own.section_bytes or all_types.section_bytes,
        item_bytes=own.item_bytes or all_types.item_bytes,
        max_errors=own.max_errors or all_types.max_errors,
    )


def bounded(key: str, value: int, shown: str) -> tuple[int, str | None]:
    """Bring a whole number into the bounds of a setting.

    Args:
        key: The setting whose bounds hold, such as `summary.max_bytes`.
        value: What was asked for.
        shown: How the user wrote it, for the message: `--max-bytes`, `config.yaml:3: …`.

    Returns:
        The nearest allowed value, and a sentence when it is another than `value`.
    """
    low, high = BOUNDS[key]
    if low <= value <= high:
        return value, None
    near = int(low if value < low else high)
    return near, f"{shown} {value:,} is outside {low:,} to {high:,}; {near:,} is used."
