-- Made by `python -m slipstream.storage.cache.models`.

CREATE TABLE dependencies (
    child VARCHAR NOT NULL,
    parent VARCHAR NOT NULL,
    PRIMARY KEY (child, parent)
)
 WITHOUT ROWID;

CREATE INDEX ix_dependencies_parent ON dependencies (parent);

CREATE TABLE entries (
    id INTEGER NOT NULL,
    "key" VARCHAR NOT NULL,
    checksum BLOB NOT NULL,
    created_ns INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL,
    accessed_ns INTEGER NOT NULL,
    sliding_ns INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    size INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    producer VARCHAR NOT NULL,
    identity VARCHAR NOT NULL,
    file VARCHAR,
    value BLOB,
    PRIMARY KEY (id),
    UNIQUE ("key")
);

CREATE INDEX ix_entries_file ON entries (file) WHERE file IS NOT NULL;

CREATE INDEX ix_entries_identity ON entries (identity) WHERE identity != '';

CREATE INDEX ix_entries_producer ON entries (producer) WHERE producer != '';

CREATE INDEX ix_entries_use ON entries (priority, accessed_ns, created_ns, expires_ns);

CREATE TABLE tags (
    tag VARCHAR NOT NULL,
    "key" VARCHAR NOT NULL,
    PRIMARY KEY (tag, "key")
)
 WITHOUT ROWID;

CREATE INDEX ix_tags_key ON tags ("key");

CREATE TABLE tombstones (
    "key" VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    at_ns INTEGER NOT NULL,
    PRIMARY KEY ("key")
)
 WITHOUT ROWID;

CREATE INDEX ix_tombstones_at_ns ON tombstones (at_ns);

CREATE TABLE totals (
    id INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (id)
);

CREATE TRIGGER entries_insert AFTER INSERT ON entries BEGIN
    UPDATE totals SET entries = entries + 1, bytes = bytes + new.size;
END;

CREATE TRIGGER entries_size AFTER UPDATE OF size ON entries WHEN old.size != new.size BEGIN
    UPDATE totals SET bytes = bytes + new.size - old.size;
END;

CREATE TRIGGER entries_flags AFTER UPDATE OF flags ON entries WHEN old.flags & 3 BEGIN
    DELETE FROM tags WHERE "key" = old."key";
    DELETE FROM dependencies WHERE child = old."key";
END;

CREATE TRIGGER entries_delete AFTER DELETE ON entries BEGIN
    UPDATE totals SET entries = entries - 1, bytes = bytes - old.size;
END;

CREATE TRIGGER entries_delete_flags AFTER DELETE ON entries WHEN old.flags & 3 BEGIN
    DELETE FROM tags WHERE "key" = old."key";
    DELETE FROM dependencies WHERE child = old."key";
END;

INSERT INTO totals VALUES (1, 0, 0);

PRAGMA user_version = 1;
