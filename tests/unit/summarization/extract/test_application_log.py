"""Application logs."""

import json

import pytest

from slipstream.tasks.summarization.extract.application_log import RULES
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Finding, Severity


def _all(text: str) -> list[Finding]:
    return findings_of(text, rules=RULES)[0]


LINES = {
    "2024-01-01 10:00:00,000 - shop.db - {} - no connection": ("INFO", "ERROR", "CRITICAL"),
    "10:00:00.000 [main] {} c.a.Shop - no connection": ("INFO ", "ERROR", "FATAL"),
    "2024-01-01 10:00:00.000 | {}     | shop:f:12 - no connection": ("INFO", "ERROR", "CRITICAL"),
    "2024/01/01 10:00:00 [{}] 12#12: *1 no connection": ("notice", "error", "emerg"),
    "[Mon Jan 01 10:00:00.0 2024] [core:{}] [pid 1] no connection": ("info", "error", "alert"),
    "time=2024-01-01T10:00:00Z level={} msg=\"no connection\"": ("info", "error", "fatal"),
    "{{\"level\":\"{}\",\"msg\":\"no connection\"}}": ("info", "error", "fatal"),
    "{{\"level\":{},\"time\":1,\"msg\":\"no connection\"}}": ("30", "50", "60"),
    "[10:00:00 {}] no connection": ("INF", "ERR", "FTL"),
    "{}0102 15:04:05.000000  123 db.go:12] no connection": ("I", "E", "F"),
    "2024-01-01T10:00:00.000Z\t{}\tshop/db.go:12\tno connection": ("INFO", "ERROR", "FATAL"),
    "{}:shop.db:no connection": ("INFO", "ERROR", "CRITICAL"),
}  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_levels_of_many_loggers(line: str) -> None:
    info, error, fatal = LINES[line]
    assert _all(line.format(info) + "\n") == []
    (bad,) = _all(line.format(error) + "\n")
    assert bad.severity is Severity.ERROR
    assert "no connection" in bad.message
    (worse,) = _all(line.format(fatal) + "\n")
    assert worse.severity is Severity.FATAL


def test_an_entry_has_its_indented_lines() -> None:
    (found,) = _all(
        "2024-01-01 10:00:00 ERROR query failed\n  select *\n  from orders\n"
        "2024-01-01 10:00:01 INFO on\n"
    )
    assert (found.message, found.span) == ("query failed", (1, 3))


def test_a_json_entry_tells_its_error_and_the_place_in_its_stack() -> None:
    entry = {
        "level": "error",
        "msg": "request failed",
        "err": {
            "type": "TypeError",
            "message": "x is not a function",
            "stack": "TypeError: x\n    at f (/node_modules/a.js:1:2)\n    at g (/srv/b.js:3:4)",
        },
    }
    (found,) = _all(json.dumps(entry) + "\n")
    assert found.message == "request failed: x is not a function"
    assert (found.code, found.file, found.line) == ("TypeError", "/srv/b.js", 3)


def test_a_json_entry_that_was_cut_is_still_read() -> None:
    (found,) = _all('{"level":"error","msg":"no connection","detail":"xxx\n')
    assert found.message == "no connection"


def test_dotnet_s_entry_has_its_message_on_the_next_line() -> None:
    (found,) = _all("fail: Shop.Worker[0]\n      no connection\ninfo: Shop.Worker[0]\n      fine\n")
    assert (found.message, found.span) == ("no connection", (1, 2))


def test_an_access_log_s_server_errors_are_findings_and_others_are_not() -> None:
    line = '1.2.3.4 - - [01/Jan/2024:10:00:00 +0000] "GET /error HTTP/1.1" {} 12 "-" "curl"\n'
    assert _all(line.format(200) + line.format(404)) == []
    (found,) = _all(line.format(503))
    assert found.message == "GET /error: 503"
