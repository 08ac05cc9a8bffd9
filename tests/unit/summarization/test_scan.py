"""The scan finds what a search line by line finds, in logs of any size, within fixed memory."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipstream.tasks.summarization import engine, keep, read, scan
from slipstream.tasks.summarization.model import Rule, Severity

RULES = (
    Rule("error", r"error: \w+", "a", "log", weight=20),
    Rule("warning", r"^warning\b", "a", "log", Severity.WARNING, weight=10),
    Rule("guess", r"FAIL", "text", "command", weight=2, caseless=True),
    Rule("code", r"exit [1-9]$", "a", "log", weight=20),
)
PATTERNS = [engine.Pattern(rule.pattern, rule.caseless) for rule in RULES]
LINES = (
    "ok", "", "error: x", "warning: y", "it failed, error: z", "\x1b[31merror: é\x1b[0m", "exit 0",
    "exit 3", "compiling 17 of 99", "fail\r", "    deep", "x" * 90,
)  # fmt: skip
texts = st.lists(st.sampled_from(LINES), max_size=120).map(lambda some: "\n".join(some).encode())
quick = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
Make = Callable[[], engine.Engine]


@pytest.fixture(scope="module", params=["hyperscan", "re2"])
def make(request: pytest.FixtureRequest) -> Make:
    """Compiles the rules for one engine; RE2 is what processors without Hyperscan get."""
    pytest.importorskip(request.param)
    if request.param == "re2":
        return lambda: engine._Re2(PATTERNS)
    compiled = engine.compile_patterns(PATTERNS)
    return lambda: compiled


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits of a few lines, so that a log of a few hundred lines is a large one."""
    for module, name, value in (
        (read, "BLOCK", 400), (scan, "WHOLE", 500), (keep, "HEAD", 5), (keep, "TAIL", 7),
        (scan, "WIDE", (4, 6)),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)


def scanned(make: Make, data: bytes, cuts: list[int] | None = None) -> scan.Scanned:
    ends = sorted({min(cut, len(data)) for cut in cuts or []} | {len(data)})
    scanner = scan.Scanner(RULES, make())
    for start, end in zip([0, *ends], ends, strict=False):
        scanner.feed(data[start:end])
    return scanner.finish()


def naive(data: bytes) -> dict[int, set[int]]:
    """Rules by line number, by Python's `re` on each line without escape sequences."""
    found: dict[int, set[int]] = {}
    for number, line in enumerate(data.split(b"\n"), 1):
        plain = re.sub(rb"\x1b\[[0-9;]*m", b"", line).removesuffix(b"\r")
        for at, rule in enumerate(RULES):
            if re.search(rule.pattern.encode(), plain, re.I if rule.caseless else 0):
                found.setdefault(number, set()).add(at)
    return found


def found_in(result: scan.Scanned) -> dict[int, set[int]]:
    return {result.document.numbers[i]: set(rules) for i, rules in result.hits}


def shown(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m|\r", "", line)


@quick
@given(texts)
def test_the_hits_of_a_small_log_are_those_of_a_search_line_by_line(
    make: Make, data: bytes
) -> None:
    """And all of its lines are kept."""
    result = scanned(make, data)
    assert found_in(result) == naive(data)
    assert result.skipped == 0
    assert result.size == len(data)
    lines = data.decode().split("\n")
    if not lines[-1]:
        lines.pop()
    assert result.lines == result.document.total == len(lines)
    assert list(result.document.texts) == [shown(line) for line in lines]


@quick
@given(texts, st.lists(st.integers(0, 9_000), max_size=20))
@pytest.mark.usefixtures("small")
def test_a_scan_does_not_depend_on_the_pieces(make: Make, data: bytes, cuts: list[int]) -> None:
    one, other = scanned(make, data), scanned(make, data, cuts)
    assert other.hits == one.hits
    assert list(other.document.texts) == list(one.document.texts)
    assert list(other.document.numbers) == list(one.document.numbers)
    assert other[2:] == one[2:]


@quick
@given(texts)
@pytest.mark.usefixtures("small")
def test_a_large_log_loses_no_hit_and_no_number(make: Make, data: bytes) -> None:
    """Every kept line is the line of its number, and no line is kept twice."""
    result = scanned(make, data)
    assert found_in(result) == naive(data)
    lines = data.decode().split("\n")
    numbers = list(result.document.numbers)
    assert numbers == sorted(set(numbers))
    kept = [shown(lines[number - 1]) for number in numbers]
    assert kept == list(result.document.texts)


@pytest.mark.usefixtures("small")
def test_a_large_log_keeps_its_head_its_tail_and_what_stands_around_errors(make: Make) -> None:
    lines = [f"line {number} of a long passing log" for number in range(1, 501)]
    lines[199] = "error: here"
    lines[203] = "error: there"
    lines[349] = "warning: odd"
    result = scanned(make, "\n".join(lines).encode() + b"\n")
    kept = set(result.document.numbers)
    assert kept >= set(range(1, 6)) | set(range(494, 501)) | set(range(196, 211)) | {348, 349, 350}
    assert len(kept) < 60
    assert result.document.total == 500


@pytest.mark.usefixtures("small")
def test_the_first_of_alike_lines_keep_their_surroundings_and_the_later_only_themselves(
    make: Make,
) -> None:
    lines = ["passing" * 4] * 2000
    for at in range(50, 1950, 50):
        lines[at] = f"error: number {at}"
    result = scanned(make, "\n".join(lines).encode())
    kept = set(result.document.numbers)
    early, late = 50 * scan.FAMILIAR + 1, 50 * scan.FAMILIAR + 51
    assert kept >= set(range(early - 4, early + 7))
    assert late in kept
    assert late - 1 not in kept
    assert len(result.hits) == len(range(50, 1950, 50))


@pytest.fixture
def flooded(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few hits are read one by one, so that a flood begins early."""
    monkeypatch.setattr(scan, "FIRST_HITS", 10)
    monkeypatch.setattr(scan, "LAST_HITS", 6)


@pytest.mark.usefixtures("flooded")
@pytest.mark.parametrize("size", [100, 1000, 1003])
def test_in_a_flood_read_and_counted_hits_are_all_hits(make: Make, size: int) -> None:
    """The first, the newest and what is unlike the flood are read; errors are counted exactly."""
    lines = [f"error: number {number} of many" for number in range(size)]
    lines[size // 2] = "it failed once"
    lines[size // 2 + 20] = "exit 7"
    lines[size // 3] = "just fine"
    data = "\n".join(lines).encode()
    scanner = scan.Scanner(RULES, make())
    scanner.feed(data)
    result = scanner.finish()
    read_lines = found_in(result)
    expected = naive(data)
    assert len(read_lines) + result.skipped == len(expected)
    assert {1, 2, 10, size // 2 + 1, size // 2 + 21, size} <= read_lines.keys()
    assert all(expected[line] == rules for line, rules in read_lines.items())
    assert scanner.errors == sum(bool(rules & {0, 3}) for rules in expected.values())


@pytest.mark.usefixtures("flooded")
def test_in_a_flood_a_line_that_matches_by_its_digits_alone_is_read(make: Make) -> None:
    """Although its like, the passing `exit 0`, was there before."""
    lines = [f"error: number {number} of many" for number in range(900)]
    for at in range(200, 800, 50):
        lines[at] = "exit 0"
    lines[751] = "exit 9"
    result = scanned(make, "\n".join(lines).encode())
    assert 752 in found_in(result)


@quick
@given(
    st.lists(
        st.sampled_from([line for line in LINES if line != "exit 0"]), min_size=50, max_size=300
    )
)
@pytest.mark.usefixtures("flooded")
def test_what_is_skipped_is_what_is_not_read(make: Make, lines: list[str]) -> None:
    """Where lines that are alike but for their digits match alike."""
    data = "\n".join(lines).encode()
    result = scanned(make, data)
    expected = naive(data)
    assert len(result.hits) + result.skipped == len(expected)
    assert all(expected[line] == rules for line, rules in found_in(result).items())


@quick
@given(texts, st.integers(1, 4000))
def test_errors_and_lines_are_known_while_the_log_comes(make: Make, data: bytes, cut: int) -> None:
    """What is not a whole line yet counts when it matches."""
    scanner = scan.Scanner(RULES, make())
    scanner.feed(data[:cut])
    so_far = data[:cut]
    assert scanner.lines_so_far() == so_far.count(b"\n")
    errors = sum(bool(rules & {0, 3}) for rules in naive(so_far).values())
    assert scanner.errors_so_far() == errors
    scanner.feed(data[cut:])
    scanner.finish()
    assert scanner.errors == sum(bool(rules & {0, 3}) for rules in naive(data).values())


LONG = b"error: " + b"y" * 11_000 + b"\n"


@pytest.mark.parametrize(
    "line", [b"x" * 75_000 + b"\n", LONG, b"error: %d\n", b"\n", b"x" * 300_000]
)
def test_memory_does_not_grow_with_the_log(monkeypatch: pytest.MonkeyPatch, line: bytes) -> None:
    """Not where lines are long, nor where all of them match; here with an eighth of all limits."""
    for module, name, value in (
        (read, "BLOCK", 1 << 17), (read, "LONG_END", 1 << 12), (scan, "WHOLE", 1 << 19),
        (scan, "FIRST_HITS", 1_900), (scan, "LAST_HITS", 600), (scan, "ALL_HITS", 5_600),
        (scan, "TEMPLATES", 6_000), (scan, "TEMPLATE_BYTES", 1 << 21), (keep, "TAIL", 250),
        (keep, "ERRORS", (640_000, 256_000)), (keep, "OTHERS", (128_000, 128_000)),
        (keep, "RECENT_BYTES", 1 << 19),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    compiled = engine.compile_patterns(PATTERNS)
    scanner = scan.Scanner(RULES, compiled)
    chunk = b"".join(line % n for n in range(3_000)) if b"%d" in line else line
    chunk *= max(1, (1 << 16) // len(chunk))
    tracemalloc.start()
    try:
        for _ in range((6 << 20) // len(chunk)):
            scanner.feed(chunk)
        scanner.finish()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < (80 << 20) // 8


def test_the_kinds_of_input_are_told() -> None:
    compiled = engine.compile_patterns(PATTERNS)
    assert scanned(lambda: compiled, b"a\0b\n").binary
    assert scanned(lambda: compiled, "error: xü\n".encode("utf-16")).encoding == "utf-16"
    wide = scanned(lambda: compiled, "\ufefffine\nerror: xü\n".encode("utf-16-be"))
    assert found_in(wide) == {2: {0}}
    empty = scanned(lambda: compiled, b"")
    assert (empty.lines, empty.size, empty.hits, len(empty.document)) == (0, 0, [], 0)


def test_a_very_long_line_is_searched_at_both_ends_and_said_to_be_cut() -> None:
    compiled = engine.compile_patterns(PATTERNS)
    data = b"fine\n" + b"error: a" + b"x" * (2 * read.BLOCK) + b" exit 3\nerror: b\n"
    result = scanned(lambda: compiled, data)
    assert found_in(result) == {2: {0, 3}, 3: {0}}
    assert (result.long_lines, result.lines, result.size) == (1, 3, len(data))
    assert result.cut == 2 * read.BLOCK + 15 - 2 * read.LONG_END
