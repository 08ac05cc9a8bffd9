"""The tables of the database, described once.

Migrations are checked against this description, `schema.sql` is generated from the migrations, and
the stores that speak to SQLite directly are checked against it too (tests/unit/storage). Times are
UTC, in nanoseconds since 1970; the order of rows is the order of their primary keys, because a
clock may go back.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

_BIG = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up INTEGER keys alone


class Output(SQLModel, table=True):
    """What a tool printed: the same bytes are kept once."""

    __tablename__ = "outputs"

    id: int | None = Field(default=None, primary_key=True, sa_type=_BIG)
    sha256: str = Field(unique=True)  # of the raw bytes, 64 hex digits
    size: int = Field(sa_type=_BIG)  # raw bytes
    lines: int = Field(sa_type=_BIG)
    stored: int = Field(sa_type=_BIG)  # bytes as stored, index included
    data: bytes | None = Field(default=None, sa_type=LargeBinary)  # None: in a file


class Capture(SQLModel, table=True):
    """One time an output was stored: what printed it, and how that ended."""

    __tablename__ = "captures"

    id: int | None = Field(default=None, primary_key=True, sa_type=_BIG)
    output_id: int = Field(
        sa_type=_BIG, index=True, sa_column_args=[ForeignKey("outputs.id", ondelete="CASCADE")]
    )
    token: str = Field(unique=True)  # of the writer: a recovery never stores twice
    command: str  # JSON list; empty for a file or standard input
    cwd: str
    exit_status: int | None = None
    signal: int | None = None
    started_ns: int | None = Field(default=None, sa_type=_BIG)
    duration: float | None = None  # seconds
    complete: bool
    streams: bytes = Field(sa_type=LargeBinary)  # which stream each byte came from, see frames.py
    created_ns: int = Field(sa_type=_BIG, index=True)


class SummaryRow(SQLModel, table=True):
    """A summary that was shown."""

    __tablename__ = "summaries"

    seq: int | None = Field(default=None, primary_key=True, sa_type=_BIG)
    id: str = Field(unique=True)  # 12 hex digits, made of the log and the options
    sha256: str = Field(index=True)  # of the log, which may be pruned before its summary
    kind: str
    result: str
    command: str  # JSON list
    exit_status: int | None = None
    errors: int
    warnings: int
    size: int  # bytes of the text
    json_text: str  # the whole summary, versioned schema
    created_ns: int = Field(sa_type=_BIG, index=True)


class FindingRow(SQLModel, table=True):
    """A finding of a summary, in the summary's order."""

    __tablename__ = "findings"

    id: int | None = Field(default=None, primary_key=True, sa_type=_BIG)
    summary_seq: int = Field(
        sa_type=_BIG, index=True, sa_column_args=[ForeignKey("summaries.seq", ondelete="CASCADE")]
    )
    severity: str
    message: str
    tool: str
    kind: str
    code: str
    name: str
    file: str
    line: int | None = Field(default=None, sa_type=_BIG)
    column: int | None = Field(default=None, sa_type=_BIG)
    first_line: int = Field(sa_type=_BIG)  # of the log
    last_line: int = Field(sa_type=_BIG)
    count: int = Field(sa_type=_BIG)
    role: str


class AuditRow(SQLModel, table=True):
    """Who did what, when, to what, and how much of it."""

    __tablename__ = "audit"

    id: int | None = Field(default=None, primary_key=True, sa_type=_BIG)
    at_ns: int = Field(sa_type=_BIG, index=True)
    who: str
    action: str
    subject: str
    amount: int | None = Field(default=None, sa_type=_BIG)
    detail: str  # JSON object


class EventRow(SQLModel, table=True):
    """An event that is still to be delivered, written in the transaction that caused it."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_delivered", "delivered", "id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=_BIG)
    at_ns: int = Field(sa_type=_BIG)
    name: str
    payload: str  # JSON object
    delivered: bool = False


class TelemetryCounter(SQLModel, table=True):
    """Operations of the cache since the counters were last reset; exact."""

    __tablename__ = "telemetry_counters"
    __table_args__ = {"sqlite_with_rowid": False}

    operation: str = Field(primary_key=True)
    tier: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)  # hit, miss, set, delete, evict, corrupt
    reason: str = Field(primary_key=True)  # of a miss; empty: none
    count: int = Field(sa_type=_BIG)
    size: int = Field(sa_type=_BIG)  # bytes of the values, together
    since_ns: int = Field(sa_type=_BIG)


class TelemetryCount(SQLModel, table=True):
    """Operations in one stretch of time; each is in exactly one level."""

    __tablename__ = "telemetry_counts"
    __table_args__ = {"sqlite_with_rowid": False}

    level: int = Field(primary_key=True)  # seconds that the stretch takes: 10, 60, 3600, 86400
    start: int = Field(primary_key=True, sa_type=_BIG)  # seconds since 1970
    operation: str = Field(primary_key=True)
    tier: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    reason: str = Field(primary_key=True)
    repository: str = Field(primary_key=True)
    revision: str = Field(primary_key=True)  # the commit; empty in days
    count: int = Field(sa_type=_BIG)
    size: int = Field(sa_type=_BIG)


class TelemetryBucket(SQLModel, table=True):
    """A bucket of a histogram, in one stretch of time; level 0: since the last reset."""

    __tablename__ = "telemetry_buckets"
    __table_args__ = {"sqlite_with_rowid": False}

    level: int = Field(primary_key=True)
    start: int = Field(primary_key=True, sa_type=_BIG)
    operation: str = Field(primary_key=True)
    tier: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    measure: str = Field(primary_key=True)  # latency (ns) or size (bytes)
    bucket: int = Field(primary_key=True)  # values up to 2**bucket, above the one before
    count: int = Field(sa_type=_BIG)
    total: int = Field(sa_type=_BIG)  # sum of the values


class TelemetryEvent(SQLModel, table=True):
    """The newest operations, one by one; no more than some thousands are kept."""

    __tablename__ = "telemetry_events"

    id: int | None = Field(default=None, primary_key=True, sa_type=_BIG)
    at_ns: int = Field(sa_type=_BIG)
    key: str = Field(index=True)
    operation: str
    tier: str
    kind: str
    reason: str
    latency_ns: int = Field(sa_type=_BIG)
    size: int = Field(sa_type=_BIG)
    repository: str
    revision: str


class BenchRun(SQLModel, table=True):
    """A run of a suite of benchmarks against one model server."""

    __tablename__ = "bench_runs"

    seq: int | None = Field(default=None, primary_key=True, sa_type=_BIG)
    id: str = Field(unique=True)  # 12 hex digits
    suite: str
    suite_json: str  # the whole suite as it was run, options of the command line included
    base_url: str
    model: str
    seed: int = Field(sa_type=_BIG)
    digest: str  # SHA-256 of all prompts in their order
    state: str  # running, done, cancelled, stopped, failed
    reason: str  # one sentence, where it is not done
    environment: str  # JSON object
    series: str = Field(index=True)  # runs that were repeated together share one; empty: none
    started_ns: int = Field(sa_type=_BIG, index=True)
    ended_ns: int | None = Field(default=None, sa_type=_BIG)


class BenchTag(SQLModel, table=True):
    """A name that somebody gave to a run; a name belongs to one run at a time."""

    __tablename__ = "bench_tags"

    name: str = Field(primary_key=True)
    run_seq: int = Field(
        sa_type=_BIG, index=True, sa_column_args=[ForeignKey("bench_runs.seq", ondelete="CASCADE")]
    )
    whole: bool  # it names the whole series of its run


class BenchCell(SQLModel, table=True):
    """A benchmark at one concurrency or rate."""

    __tablename__ = "bench_cells"
    __table_args__ = (UniqueConstraint("run_seq", "position"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=_BIG)
    run_seq: int = Field(
        sa_type=_BIG, sa_column_args=[ForeignKey("bench_runs.seq", ondelete="CASCADE")]
    )
    position: int
    benchmark: str
    family: str
    label: str  # such as concurrency=8
    settings: str  # JSON object
    state: str  # running, done, cancelled, stopped, failed
    reason: str  # one sentence, where it is not done
    withheld: str  # why its figures are not to be believed; empty: they are
    sessions: int  # stretches in which it ran; more than one after `--resume`
    seconds: float  # that it took


class BenchSample(SQLModel, table=True):
    """A request. Moments are ns of a clock of the machine, without a date."""

    __tablename__ = "bench_samples"
    __table_args__ = (UniqueConstraint("cell_id", "phase", "number"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=_BIG)
    cell_id: int = Field(
        sa_type=_BIG, sa_column_args=[ForeignKey("bench_cells.id", ondelete="CASCADE")]
    )
    phase: str  # warmup, measured, cooldown
    number: int = Field(sa_type=_BIG)
    session: int
    worker: int
    intended_ns: int = Field(sa_type=_BIG)
    sent_ns: int = Field(sa_type=_BIG)  # 0: never
    ended_ns: int = Field(sa_type=_BIG)
    status: int
    chunk_ns: bytes = Field(sa_type=LargeBinary)  # little-endian int64 each, after sent_ns
    chunk_tokens: bytes = Field(sa_type=LargeBinary)  # the same; empty: not known
    first_reasoning_ns: int | None = Field(default=None, sa_type=_BIG)
    first_content_ns: int | None = Field(default=None, sa_type=_BIG)
    first_tool_ns: int | None = Field(default=None, sa_type=_BIG)
    prompt_tokens: int | None = Field(default=None, sa_type=_BIG)
    output_tokens: int | None = Field(default=None, sa_type=_BIG)
    cached_tokens: int | None = Field(default=None, sa_type=_BIG)
    reasoning_tokens: int | None = Field(default=None, sa_type=_BIG)
    counted_tokens: int | None = Field(default=None, sa_type=_BIG)
    source: str  # who counted: server, tokenizer, estimate
    prompt_source: str
    finish_reason: str
    fault: str  # empty: none
    detail: str


class BenchMetric(SQLModel, table=True):
    """A figure of a cell."""

    __tablename__ = "bench_metrics"
    __table_args__ = (UniqueConstraint("cell_id", "name", "statistic"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=_BIG)
    cell_id: int = Field(
        sa_type=_BIG, sa_column_args=[ForeignKey("bench_cells.id", ondelete="CASCADE")]
    )
    name: str
    statistic: str
    unit: str
    direction: str  # lower, higher, none: which way is better
    value: float
    low: float | None = None  # of the 95 % interval
    high: float | None = None
    size: int = Field(sa_type=_BIG)  # how many values it was computed from


class BenchAnswer(SQLModel, table=True):
    """How one request of a benchmark with right and wrong answers was judged."""

    __tablename__ = "bench_answers"
    __table_args__ = (UniqueConstraint("cell_id", "number"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=_BIG)
    cell_id: int = Field(
        sa_type=_BIG, sa_column_args=[ForeignKey("bench_cells.id", ondelete="CASCADE")]
    )
    number: int = Field(sa_type=_BIG)  # of the request, as in its sample
    case_id: str
    attempt: int  # from 0, of the repeats of a case
    category: str
    difficulty: str
    tool: str  # the one that was right first; empty: none was wanted
    score: float  # 0 to 1
    layer: str  # right, or where it went wrong: see tasks/benchmarking/tools/model.py
    reason: str  # one sentence; empty: it is right
    form: str  # in which the calls were written
    prompt: str  # what was asked last
    expected: str  # JSON
    actual: str  # JSON
    text: str  # of the answer, as the model wrote it


class BenchBaseline(SQLModel, table=True):
    """What runs of a suite, a model and a machine are compared with: one run or several."""

    __tablename__ = "bench_baselines"
    __table_args__ = (UniqueConstraint("suite", "model", "machine"),)

    seq: int | None = Field(default=None, primary_key=True, sa_type=_BIG)
    suite: str
    model: str
    machine: str  # a digest of its hardware
    set_ns: int = Field(sa_type=_BIG)


class BenchBaselineRun(SQLModel, table=True):
    """A run of a baseline; the noise between them is its noise floor."""

    __tablename__ = "bench_baseline_runs"

    baseline_seq: int = Field(
        sa_type=_BIG,
        primary_key=True,
        sa_column_args=[ForeignKey("bench_baselines.seq", ondelete="CASCADE")],
    )
    run_seq: int = Field(
        sa_type=_BIG,
        primary_key=True,
        sa_column_args=[ForeignKey("bench_runs.seq", ondelete="CASCADE")],
    )


class BenchComparison(SQLModel, table=True):
    """A comparison as it was reported."""

    __tablename__ = "bench_comparisons"

    seq: int | None = Field(default=None, primary_key=True, sa_type=_BIG)
    id: str = Field(unique=True)  # 12 hex digits
    base: str  # as it was named
    candidates: str  # JSON list, as they were named
    suite: str
    worst: str  # severity of the worst regression; empty: there is none
    created_ns: int = Field(sa_type=_BIG, index=True)
    report: str  # JSON, see docs/comparison.schema.json
