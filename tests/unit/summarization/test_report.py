"""A finding as data says all that was found, with null for what was not said."""

from __future__ import annotations

import json

from slipstream.tasks.summarization.model import Cause, Finding, Frame, Place, Severity
from slipstream.tasks.summarization.rank import digest
from slipstream.tasks.summarization.report import finding_json

FULL = Finding(
    Severity.FATAL, "it broke", "python", "test", (3, 9), "a.py", 7, 2, "ValueError", "test_a",
    (Frame("f", "a.py", 7), Frame("g", "lib.py", None, False)),
    (Cause("cause", "KeyError", "'x'", (Frame("h", "b.py", 1),)),),
    ((4, 5),), 2, (Place("a.py", 7, None, 40),), "root", 20,
)  # fmt: skip


def test_all_of_a_finding_is_there() -> None:
    assert finding_json(FULL) == {
        "severity": "fatal", "message": "it broke", "tool": "python", "kind": "test",
        "file": "a.py", "line": 7, "column": 2, "code": "ValueError", "name": "test_a",
        "role": "root", "span": [3, 9], "count": 2,
        "places": [{"file": "a.py", "line": 7, "column": None, "log_line": 40}],
        "stack": [
            {"function": "f", "file": "a.py", "line": 7, "own": True},
            {"function": "g", "file": "lib.py", "line": None, "own": False},
        ],
        "causes": [
            {"relation": "cause", "code": "KeyError", "message": "'x'",
             "stack": [{"function": "h", "file": "b.py", "line": 1, "own": True}]},
        ],
        "digest": digest(FULL),
    }  # fmt: skip


def test_what_was_not_said_is_null() -> None:
    data = finding_json(Finding(Severity.INFO, "m", "t", "log", (1, 1)))
    nulls = {key for key, value in data.items() if value is None}
    assert nulls == {"file", "line", "column", "code", "name", "role"}
    assert json.loads(json.dumps(data)) == data
