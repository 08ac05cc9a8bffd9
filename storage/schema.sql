-- Made by `python -m slipstream.storage.engine`.

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE audit (
    id INTEGER NOT NULL,
    at_ns INTEGER NOT NULL,
    who VARCHAR NOT NULL,
    action VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    amount INTEGER,
    detail VARCHAR NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX ix_audit_at_ns ON audit (at_ns);

CREATE TABLE bench_answers (
    id INTEGER NOT NULL,
    cell_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    case_id VARCHAR NOT NULL,
    attempt INTEGER NOT NULL,
    category VARCHAR NOT NULL,
    difficulty VARCHAR NOT NULL,
    tool VARCHAR NOT NULL,
    score FLOAT NOT NULL,
    layer VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    form VARCHAR NOT NULL,
    prompt VARCHAR NOT NULL,
    expected VARCHAR NOT NULL,
    actual VARCHAR NOT NULL,
    text VARCHAR NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(cell_id) REFERENCES bench_cells (id) ON DELETE CASCADE,
    UNIQUE (cell_id, number)
);

CREATE TABLE bench_baseline_runs (
    baseline_seq INTEGER NOT NULL,
    run_seq INTEGER NOT NULL,
    PRIMARY KEY (baseline_seq, run_seq),
    FOREIGN KEY(baseline_seq) REFERENCES bench_baselines (seq) ON DELETE CASCADE,
    FOREIGN KEY(run_seq) REFERENCES bench_runs (seq) ON DELETE CASCADE
);

CREATE TABLE bench_baselines (
    seq INTEGER NOT NULL,
    suite VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    machine VARCHAR NOT NULL,
    set_ns INTEGER NOT NULL,
    PRIMARY KEY (seq),
    UNIQUE (suite, model, machine)
);

CREATE TABLE bench_cells (
    id INTEGER NOT NULL,
    run_seq INTEGER NOT NULL,
    position INTEGER NOT NULL,
    benchmark VARCHAR NOT NULL,
    family VARCHAR NOT NULL,
    label VARCHAR NOT NULL,
    settings VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    withheld VARCHAR NOT NULL,
    sessions INTEGER NOT NULL,
    seconds FLOAT NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(run_seq) REFERENCES bench_runs (seq) ON DELETE CASCADE,
    UNIQUE (run_seq, position)
);

CREATE TABLE bench_comparisons (
    seq INTEGER NOT NULL,
    id VARCHAR NOT NULL,
    base VARCHAR NOT NULL,
    candidates VARCHAR NOT NULL,
    suite VARCHAR NOT NULL,
    worst VARCHAR NOT NULL,
    created_ns INTEGER NOT NULL,
    report VARCHAR NOT NULL,
    PRIMARY KEY (seq),
    UNIQUE (id)
);

CREATE INDEX ix_bench_comparisons_created_ns ON bench_comparisons (created_ns);

CREATE TABLE bench_metrics (
    id INTEGER NOT NULL,
    cell_id INTEGER NOT NULL,
    name VARCHAR NOT NULL,
    statistic VARCHAR NOT NULL,
    unit VARCHAR NOT NULL,
    direction VARCHAR NOT NULL,
    value FLOAT NOT NULL,
    low FLOAT,
    high FLOAT,
    size INTEGER NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(cell_id) REFERENCES bench_cells (id) ON DELETE CASCADE,
    UNIQUE (cell_id, name, statistic)
);

CREATE TABLE bench_runs (
    seq INTEGER NOT NULL,
    id VARCHAR NOT NULL,
    suite VARCHAR NOT NULL,
    suite_json VARCHAR NOT NULL,
    base_url VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    seed INTEGER NOT NULL,
    digest VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    environment VARCHAR NOT NULL,
    started_ns INTEGER NOT NULL,
    ended_ns INTEGER, series VARCHAR DEFAULT '' NOT NULL,
    PRIMARY KEY (seq),
    UNIQUE (id)
);

CREATE INDEX ix_bench_runs_series ON bench_runs (series);

CREATE INDEX ix_bench_runs_started_ns ON bench_runs (started_ns);

CREATE TABLE bench_samples (
    id INTEGER NOT NULL,
    cell_id INTEGER NOT NULL,
    phase VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    session INTEGER NOT NULL,
    worker INTEGER NOT NULL,
    intended_ns INTEGER NOT NULL,
    sent_ns INTEGER NOT NULL,
    ended_ns INTEGER NOT NULL,
    status INTEGER NOT NULL,
    chunk_ns BLOB NOT NULL,
    chunk_tokens BLOB NOT NULL,
    first_reasoning_ns INTEGER,
    first_content_ns INTEGER,
    first_tool_ns INTEGER,
    prompt_tokens INTEGER,
    output_tokens INTEGER,
    cached_tokens INTEGER,
    reasoning_tokens INTEGER,
    counted_tokens INTEGER,
    source VARCHAR NOT NULL,
    prompt_source VARCHAR NOT NULL,
    finish_reason VARCHAR NOT NULL,
    fault VARCHAR NOT NULL,
    detail VARCHAR NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(cell_id) REFERENCES bench_cells (id) ON DELETE CASCADE,
    UNIQUE (cell_id, phase, number)
);

CREATE TABLE bench_tags (
    name VARCHAR NOT NULL,
    run_seq INTEGER NOT NULL, whole BOOLEAN DEFAULT 0 NOT NULL,
    PRIMARY KEY (name),
    FOREIGN KEY(run_seq) REFERENCES bench_runs (seq) ON DELETE CASCADE
);

CREATE INDEX ix_bench_tags_run_seq ON bench_tags (run_seq);

CREATE TABLE captures (
    id INTEGER NOT NULL,
    output_id INTEGER NOT NULL,
    token VARCHAR NOT NULL,
    command VARCHAR NOT NULL,
    cwd VARCHAR NOT NULL,
    exit_status INTEGER,
    signal INTEGER,
    started_ns INTEGER,
    duration FLOAT,
    complete BOOLEAN NOT NULL,
    streams BLOB NOT NULL,
    created_ns INTEGER NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(output_id) REFERENCES outputs (id) ON DELETE CASCADE,
    UNIQUE (token)
);

CREATE INDEX ix_captures_created_ns ON captures (created_ns);

CREATE INDEX ix_captures_output_id ON captures (output_id);

CREATE TABLE events (
    id INTEGER NOT NULL,
    at_ns INTEGER NOT NULL,
    name VARCHAR NOT NULL,
    payload VARCHAR NOT NULL,
    delivered BOOLEAN NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX ix_events_delivered ON events (delivered, id);

CREATE TABLE findings (
    id INTEGER NOT NULL,
    summary_seq INTEGER NOT NULL,
    severity VARCHAR NOT NULL,
    message VARCHAR NOT NULL,
    tool VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    code VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    file VARCHAR NOT NULL,
    line INTEGER,
    "column" INTEGER,
    first_line INTEGER NOT NULL,
    last_line INTEGER NOT NULL,
    count INTEGER NOT NULL,
    role VARCHAR NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(summary_seq) REFERENCES summaries (seq) ON DELETE CASCADE
);

CREATE INDEX ix_findings_summary_seq ON findings (summary_seq);

CREATE TABLE outputs (
    id INTEGER NOT NULL,
    sha256 VARCHAR NOT NULL,
    size INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    data BLOB,
    PRIMARY KEY (id),
    UNIQUE (sha256)
);

CREATE TABLE summaries (
    seq INTEGER NOT NULL,
    id VARCHAR NOT NULL,
    sha256 VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    result VARCHAR NOT NULL,
    command VARCHAR NOT NULL,
    exit_status INTEGER,
    errors INTEGER NOT NULL,
    warnings INTEGER NOT NULL,
    size INTEGER NOT NULL,
    json_text VARCHAR NOT NULL,
    created_ns INTEGER NOT NULL,
    PRIMARY KEY (seq),
    UNIQUE (id)
);

CREATE INDEX ix_summaries_created_ns ON summaries (created_ns);

CREATE INDEX ix_summaries_sha256 ON summaries (sha256);

CREATE TABLE telemetry_buckets (
    level INTEGER NOT NULL,
    start INTEGER NOT NULL,
    operation VARCHAR NOT NULL,
    tier VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    measure VARCHAR NOT NULL,
    bucket INTEGER NOT NULL,
    count INTEGER NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (level, start, operation, tier, kind, measure, bucket)
) WITHOUT ROWID;

CREATE TABLE telemetry_counters (
    operation VARCHAR NOT NULL,
    tier VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    count INTEGER NOT NULL,
    size INTEGER NOT NULL,
    since_ns INTEGER NOT NULL,
    PRIMARY KEY (operation, tier, kind, reason)
) WITHOUT ROWID;

CREATE TABLE telemetry_counts (
    level INTEGER NOT NULL,
    start INTEGER NOT NULL,
    operation VARCHAR NOT NULL,
    tier VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    repository VARCHAR NOT NULL,
    revision VARCHAR NOT NULL,
    count INTEGER NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (level, start, operation, tier, kind, reason, repository, revision)
) WITHOUT ROWID;

CREATE TABLE telemetry_events (
    id INTEGER NOT NULL,
    at_ns INTEGER NOT NULL,
    "key" VARCHAR NOT NULL,
    operation VARCHAR NOT NULL,
    tier VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    latency_ns INTEGER NOT NULL,
    size INTEGER NOT NULL,
    repository VARCHAR NOT NULL,
    revision VARCHAR NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX ix_telemetry_events_key ON telemetry_events ("key");

INSERT INTO alembic_version VALUES ('0004');

