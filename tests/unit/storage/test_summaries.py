"""Summaries, findings, audit log, outbox."""

from __future__ import annotations

import json
import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipstream.storage import audit, events, summaries
from slipstream.storage.errors import AmbiguousError, NotFoundError
from slipstream.storage.outputs import OutputStore
from slipstream.storage.summaries import FindingRecord, SummaryRecord

SUMMARY = SummaryRecord(
    "abc123def456", "ab" * 32, "test", "failed", ("pytest", "-q"), 1, 2, 3, 400, '{"a": 1}'
)
FINDING = FindingRecord(
    "error", "boom", "pytest", "test", "E1", "test_x", "a.py", 7, None, 3, 9, 2, "root"
)


def test_a_summary_comes_back_with_its_findings_in_order(store: OutputStore) -> None:
    findings = [FINDING, FINDING._replace(message="crash", line=None, column=4)]
    summaries.save(store.connection, SUMMARY, findings)
    found = summaries.resolve(store.connection, "abc")
    assert found == SUMMARY._replace(created_ns=found.created_ns)
    assert found.created_ns > 0
    assert summaries.findings_of(store.connection, found) == findings


def test_a_summary_is_saved_with_its_event_and_its_audit_entry(store: OutputStore) -> None:
    summaries.save(store.connection, SUMMARY, [FINDING])
    (row,) = events.pending(store.connection)
    payload = json.loads(row.payload)
    assert (row.name, payload["id"], payload["errors"]) == ("SummaryCreated", SUMMARY.id, 2)
    (entry,) = audit.entries(store.connection)
    assert (entry.action, entry.subject, entry.amount) == ("summary", SUMMARY.id, 400)


def test_the_same_summary_replaces_the_older_one_and_is_the_last(store: OutputStore) -> None:
    summaries.save(store.connection, SUMMARY, [FINDING] * 3)
    summaries.save(store.connection, SUMMARY._replace(id="ffff"), [])
    summaries.save(store.connection, SUMMARY, [FINDING])
    assert [summary.id for summary in summaries.newest(store.connection)] == [SUMMARY.id, "ffff"]
    assert store.connection.execute("SELECT count(*) FROM findings").fetchone() == (1,)


def test_a_summary_that_cannot_be_saved_leaves_nothing(store: OutputStore) -> None:
    store.connection.execute("DROP TABLE events")
    with pytest.raises(sqlite3.OperationalError):
        summaries.save(store.connection, SUMMARY, [FINDING])
    for table in ("summaries", "findings", "audit"):
        assert store.connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_ids_depend_on_the_log_and_on_each_option_alone() -> None:
    one = summaries.summary_id("ab" * 32, 10_240, "test", None)
    assert one == summaries.summary_id("ab" * 32, 10_240, "test", None)
    others = [
        summaries.summary_id("cd" * 32, 10_240, "test", None),
        summaries.summary_id("ab" * 32, 10_240, "test"),
        summaries.summary_id("ab" * 32, "10240", "test", None),
    ]
    assert len({one, *others}) == 4
    assert len(one) == 12


def test_unknown_and_ambiguous_ids_are_one_sentence(store: OutputStore) -> None:
    with pytest.raises(NotFoundError, match="slip run"):
        summaries.resolve(store.connection, "last")
    for name in ("abc0", "abc1"):
        summaries.save(store.connection, SUMMARY._replace(id=name), [])
    with pytest.raises(AmbiguousError, match="abc fits more than one summary: abc0, abc1"):
        summaries.resolve(store.connection, "abc")
    for name in ("", "%", "last1", "ffff"):
        with pytest.raises(NotFoundError, match="slip summary list"):
            summaries.resolve(store.connection, name)


@given(
    texts=st.lists(st.text(st.characters()), min_size=4, max_size=4),
    numbers=st.lists(st.integers(), min_size=3, max_size=3),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_a_log_states_can_be_saved(
    store: OutputStore, texts: list[str], numbers: list[int]
) -> None:
    message, file, code, argument = texts
    line, column, occurrences = numbers
    finding = FINDING._replace(
        message=message, file=file, code=code, line=line, column=column, occurrences=occurrences
    )
    summaries.save(store.connection, SUMMARY._replace(command=(argument,)), [finding])
    summary = summaries.resolve(store.connection)
    assert summary.command == (argument,)
    (found,) = summaries.findings_of(store.connection, summary)
    if message.isprintable() and abs(line) < 2**63:
        assert (found.message, found.line) == (message, line)


def test_the_audit_log_says_who_when_what_and_how_much(
    store: OutputStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    audit.record(store.connection, "config", "mode", detail={"to": "burst"})
    audit.record(store.connection, "prune", "logs", 5)
    prune, config = audit.entries(store.connection)
    assert (config.who, config.subject, config.amount) == ("ada", "mode", None)
    assert config.detail == {"to": "burst"}
    assert prune.amount == 5
    assert prune.at_ns >= config.at_ns
    assert audit.entries(store.connection, limit=1) == [prune]
    assert audit.entries(store.connection, action="config") == [config]
