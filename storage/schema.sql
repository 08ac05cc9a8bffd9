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

INSERT INTO alembic_version VALUES ('0002');

