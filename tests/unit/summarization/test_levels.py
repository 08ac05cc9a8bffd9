"""What an application log holds as a whole."""

from __future__ import annotations

import pytest

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.levels import count, level, looks_logged, said
from slipstream.tasks.summarization.repeated import repeated
from slipstream.tasks.summarization.times import between, ends, stamp


@pytest.mark.parametrize(
    ("text", "name", "time"),
    [
        ("2024-01-01 10:00:00,000 - app - ERROR - boom", "error", "2024-01-01 10:00:00"),
        ("10:00:00.000 [main] INFO c.a.App - got ERROR from upstream", "info", "10:00:00"),
        ("W, [2024-01-01T10:00:00.000 #12] WARN -- : hm", "warning", "2024-01-01 10:00:00"),
        ("2024/01/01 10:00:00 [error] 12#12: *1 open() failed", "error", "2024/01/01 10:00:00"),
        ("[Mon Jan 01 10:00:00.000 2024] [core:crit] [pid 1] x", "fatal", "Jan 01 10:00:00"),
        ("2024-01-01T10:00:00.000Z\tdebug\tapp/x.go:12\tboom", "debug", "2024-01-01 10:00:00"),
        ("INFO:root:fine", "info", ""),
        ("Mar  4 05:06:12 web1 shop[4321]: warning: slow", "warning", "Mar  4 05:06:12"),
        ("Mar  4 05:06:12 web1 shop[4321]: batch 7: 0 errors", "", "Mar  4 05:06:12"),
        ("E0102 15:04:05.000000  123 server.go:12] boom", "error", "15:04:05"),
        ("fail: App.Worker[0]", "error", ""),
        ('{"msg":"an ERROR was sent","level":"info"}', "info", ""),
        ('{"level":50,"time":1531171074631,"msg":"boom"}', "error", "2018-07-09 21:17:54"),
        ('time=2024-01-01T10:00:00Z level=warn msg="hm"', "warning", "2024-01-01 10:00:00"),
        ('1.2.3.4 - - [04/Mar/2024:05:06:07 +0000] "GET /error/0" 200', "", "04/Mar/2024 05:06:07"),
        ("  at com.example.ERROR.x(Y.java:3)", "", ""),
        ("an ordinary line", "", ""),
    ],
)
def test_the_level_and_the_time_of_an_entry_are_told(text: str, name: str, time: str) -> None:
    assert level(text) == name
    assert stamp(text) == time


def test_all_levels_are_counted_also_in_lines_that_name_two() -> None:
    lines = ["1 INFO a", "2 ERROR b", "  at x", "3 INFO ERROR was sent", "4 WARN c"]
    counts, other = count(lines * 500)
    assert (counts, other) == ({"error": 500, "warning": 500, "info": 1000}, 500)
    assert said([*counts.items(), ("other", 1)]) == (
        "500 errors, 500 warnings, 1,000 info, 1 other line"
    )


def test_a_log_is_known_by_its_first_lines() -> None:
    assert looks_logged(Document(["starting", *["10:00:00 INFO a"] * 5])) == 2
    assert looks_logged(Document(["INFO a", "INFO b", "INFO c", "INFO d"])) is None
    assert looks_logged(Document(["10:00:00 INFO a", *"bcdefghijk"])) is None


def test_the_first_and_the_last_time_say_the_date_once() -> None:
    doc = Document(["begin", "2024-05-01 10:00:01 a", "x", "2024-05-01 10:14:33 b", "end"])
    assert between(*ends(doc)) == "2024-05-01 10:00:01 to 10:14:33"
    assert between("2024-05-01 10:00:01", "2024-05-02 10:00:01") == (
        "2024-05-01 10:00:01 to 2024-05-02 10:00:01"
    )
    assert between(*ends(Document(["no time"]))) == ""


def test_ordinary_lines_are_told_as_templates_within_the_room() -> None:
    lines = [f"2024-05-01 10:00:{n % 60:02} INFO order {n} placed" for n in range(200)]
    lines += [f"2024-05-01 10:10:{n:02} INFO worker {n} done" for n in range(50)]
    title, orders, workers = repeated(Document(lines), [], 1000)
    assert title == "\n## Repeated lines (2)"
    assert orders == ("- ×200, lines 1-200, 2024-05-01 10:00:00 to 10:00:19: INFO order <n> placed")
    assert workers.startswith("- ×50, lines 201-250, ")
    assert len(repeated(Document(lines), [], 100)) == 2
    assert repeated(Document(lines), [], 10) == []
    assert repeated(Document([chr(97 + n % 26) * n for n in range(1, 60)]), [], 1000) == []
