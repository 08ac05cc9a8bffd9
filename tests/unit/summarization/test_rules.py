"""Every rule is sound, matches what it says, and leaves passing runs alone; the cache is safe."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from slipstream.storage.config.settings import Pattern
from slipstream.tasks.summarization import engine, rules, scan
from slipstream.tasks.summarization.analyse import analyse
from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract import common
from slipstream.tasks.summarization.extract.common import LINE_LIMIT
from slipstream.tasks.summarization.extract.driver import extract
from slipstream.tasks.summarization.model import Finding, Outcome, Rule, Severity, Tally
from slipstream.tasks.summarization.rules import Ruleset, builtin_rules, ruleset
from slipstream.tasks.summarization.types import KINDS

LOGS = Path(__file__).parents[2] / "fixtures" / "logs"
RULES = builtin_rules()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Ruleset:
    return ruleset(tmp_path_factory.mktemp("cache"))


def test_names_are_unique_and_kinds_are_known() -> None:
    doubled = [name for name, count in Counter(rule.name for rule in RULES).items() if count > 1]
    assert not doubled
    assert {rule.kind for rule in RULES} <= set(KINDS)
    assert all(rule.tool and rule.pattern and 0 <= rule.weight <= 40 for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_matches_its_examples_and_no_empty_line(rule: Rule) -> None:
    pattern = re.compile(rule.pattern, re.IGNORECASE if rule.caseless else 0)
    for example in rule.examples:
        assert pattern.search(example), example
    assert not pattern.search("")
    assert not pattern.search("   ")


def test_both_engines_take_every_rule() -> None:
    pytest.importorskip("re2")
    patterns = rules._patterns(RULES)
    engine.compile_patterns(patterns)
    engine._Re2(patterns)


PASSING = """\
tests/test_error.py::test_failure PASSED                                 [ 12%]
tests/test_errors.py::TestFailure::test_raises_error[TypeError: bad] PASSED [ 50%]
tests/test_error_handling.py .....                                       [100%]
test_error (tests.test_app.ErrorTests.test_error) ... ok
============================== 123 passed in 4.56s ==============================
Ran 25 tests in 0.003s
OK
gcc -Wall -Wextra -Werror -O2 -c src/error.c -o build/error.o
g++ -std=c++17 -Werror=return-type -fno-exceptions -DFAIL_FAST=1 -c fatal_error.cpp
cc   -Wfatal-errors -I/usr/include/error -o error error.o failure.o
[ 42%] Building CXX object src/CMakeFiles/app.dir/error_handler.cpp.o
[100%] Linking CXX executable bin/error_test
[100%] Built target errors
   Compiling thiserror v1.0.40
   Compiling failure v0.1.8
   Compiling error-chain v0.12.4
    Finished dev [unoptimized + debuginfo] target(s) in 3.21s
test tests::test_error_is_returned ... ok
test error::tests::panics - should panic ... ok
test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
ok      example.com/errors     0.012s
--- PASS: TestError (0.00s)
    --- PASS: TestError/returns_error (0.00s)
PASS
  ✓ throws an error when the input is invalid (3 ms)
  ✔ fails with a TypeError
    √ should reject with error
PASS src/error.test.js
Tests:       12 passed, 12 total
1..3
ok 1 - error is thrown
ok 2 - does not fail
Found 0 errors in 12 files (checked 12 source files)
0 errors, 0 warnings
0 problems (0 errors, 0 warnings)
Success: no issues found in 3 source files
All checks passed!
    0 Warning(s)
    0 Error(s)
Build succeeded.
[INFO] Tests run: 12, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.5 s - in a.ErrorTest
[INFO] BUILD SUCCESS
BUILD SUCCESSFUL in 3s
12 examples, 0 failures
OK (12 tests, 34 assertions)
100% tests passed, 0 tests failed out of 12
      Start  3: error_test
 3/12 Test  #3: error_test .......................   Passed    0.01 sec
  Downloading errorprone-2.3.jar (1.2 MB at 3 MB/s)
Downloading https://example.org/packages/exceptiongroup-1.2.0-py3-none-any.whl (16 kB)
Collecting exceptiongroup>=1.0
Successfully installed exceptiongroup-1.2.0 pytest-8.0
 45% |#############                   | 12kB 4.1MB/s eta 0:00:01
added 123 packages, and audited 124 packages in 3s
found 0 vulnerabilities
error.c
src/failure/error.py
-rw-r--r-- 1 dev dev 1234 Jan  1 00:00 error.log
drwxr-xr-x 2 dev dev 4096 Jan  1 00:00 failures
commit 3f2a1bc9d
    Fix the error message of failing assertions
2024-01-01 00:00:00 INFO server: started without errors
2024-01-01T00:00:00Z INFO request finished status=200 error=null failed=0
127.0.0.1 - - [01/Jan/2024:00:00:00 +0000] "GET /error HTTP/1.1" 200 12
checking for errno.h... yes
checking whether the compiler supports -Werror... yes
npm run test:errors
> node scripts/check-errors.js
"""


def test_a_passing_run_has_no_finding_of_an_error(compiled: Ruleset) -> None:
    """Whatever the words in its names: an exit status of 0 is not called a failure (F7)."""
    scanner = scan.Scanner(compiled.rules, compiled.engine)
    scanner.feed(PASSING.encode())
    scanned = scanner.finish((), 0)
    analysis = analyse(scanned, compiled, Outcome(0))
    assert analysis.failed is False
    errors = [f for f in analysis.findings if f.severity >= Severity.WARNING]
    assert [(f.tool, f.message) for f in errors] == []


@pytest.mark.parametrize("line", PASSING.splitlines(), ids=lambda line: line.strip()[:40])
def test_a_passing_line_alone_is_not_a_failure(line: str) -> None:
    """Nor a guess of one."""
    findings, tallies = _found(f"before\n{line}\nafter\n")
    assert [(f.tool, f.message) for f in findings if f.severity >= Severity.WARNING] == []
    assert not any(tally.failed for tally in tallies)


@cache
def _compiled() -> list[tuple[Rule, re.Pattern[str]]]:
    return [
        (rule, re.compile(rule.pattern, re.IGNORECASE if rule.caseless else 0)) for rule in RULES
    ]


def _found(text: str) -> tuple[list[Finding], list[Tally]]:
    """As `findings_of`, with the patterns compiled once."""
    lines = text.removesuffix("\n").split("\n")
    hits = []
    for at, line in enumerate(lines):
        some = [rule for rule, pattern in _compiled() if pattern.search(line)]
        if some:
            hits.append((at, sorted(some, key=lambda rule: -rule.weight)))
    findings, tallies, problems = extract(Document(lines), hits)
    assert not problems
    return findings, tallies


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("ERROR: could not connect", Severity.ERROR), ("fatal: it broke", Severity.ERROR),
        ("warning: odd", Severity.WARNING), ("it failed with an error: 7", Severity.ERROR),
    ],
)  # fmt: skip
def test_a_line_with_a_word_of_failure_is_at_least_a_guess(line: str, severity: Severity) -> None:
    findings, _ = _found(f"before\n{line}\nafter\n")
    assert [f.severity for f in findings][:1] == [severity]


# The cache of compiled rules.


def same(one: Ruleset, other: Ruleset) -> bool:
    """Whether two rule sets say the same; extractors are compared by their names."""
    return [rule[:5] for rule in one.rules] == [rule[:5] for rule in other.rules] and [
        rule[6:8] for rule in one.rules
    ] == [rule[6:8] for rule in other.rules]


def matches(some: Ruleset, data: bytes = b"a.c:1:2: error: x\nBOOM\n") -> set[str]:
    found: set[str] = set()
    some.engine.scan(data, lambda at, _: found.add(some.rules[at].name))
    return found


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rules, which compile in no time."""
    some = tuple(rule for rule in RULES if rule.tool in ("gcc", "text", "make"))
    assert some
    monkeypatch.setattr(rules, "builtin_rules", lambda: some)


@pytest.mark.usefixtures("quick")
def test_rules_come_back_from_the_cache_without_compiling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ruleset(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(rules, "builtin_rules", lambda: pytest.fail("imported again"))
    monkeypatch.setattr(engine, "compile_patterns", lambda _: pytest.fail("compiled again"))
    again = ruleset(tmp_path)
    assert same(first, again)
    assert matches(first) == matches(again) != set()


@pytest.mark.usefixtures("quick")
def test_another_pattern_has_rules_of_its_own(tmp_path: Path) -> None:
    assert "pattern.mine" not in matches(ruleset(tmp_path))
    assert "pattern.mine" in matches(ruleset(tmp_path, (Pattern("mine", "BOOM"),)))
    assert "pattern.mine" not in matches(ruleset(tmp_path, (Pattern("mine", "BANG"),)))
    assert "pattern.mine" not in matches(ruleset(tmp_path))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("damage", ["empty", "truncated", "flipped", "foreign", "longer"])
def test_a_damaged_file_is_made_again(tmp_path: Path, damage: str) -> None:
    first = ruleset(tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    middle = len(whole) // 2
    file.write_bytes({
        "empty": b"", "truncated": whole[:middle], "foreign": b"something else\n" * 99,
        "flipped": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "longer": whole + b"x",
    }[damage])  # fmt: skip
    again = ruleset(tmp_path)
    assert same(first, again)
    assert matches(first) == matches(again)
    assert file.read_bytes() == whole


@pytest.mark.usefixtures("quick")
def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert matches(ruleset(tmp_path / "file" / "below"))
    assert matches(ruleset(None))


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions")
@pytest.mark.usefixtures("quick")
def test_the_file_is_private(tmp_path: Path) -> None:
    ruleset(tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


def test_two_processes_at_once_both_get_the_rules(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from slipstream.tasks.summarization.rules import ruleset\n"
        "print(len(ruleset(Path(sys.argv[1])).rules))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [one.communicate()[0].strip() for one in running] == [str(len(RULES))] * 2
    assert [file.suffix for file in tmp_path.iterdir()] == [".rules"]
    assert len(ruleset(tmp_path).rules) == len(RULES)


# No pattern of an extractor backtracks for long (S6).

HOSTILE = (
    " ", "\t", "1", "a", "A", "_", ".", "/", ":", "-", "[", "(", '"', "|", "a.", "a:", "a/", "a ",
    "::", "| ", "a:1:", "Aa", "->", ", ",
)  # fmt: skip
SLOW = 0.15
"""Seconds of one call, three times those of the slowest pattern: tests share the machine."""
CALLS = ("match", "search", "fullmatch", "findall", "finditer", "sub")


class _Watched:
    """A compiled pattern that notes how it is used."""

    def __init__(self, pattern: re.Pattern[str], used: set[tuple[str, int, str]]) -> None:
        self._pattern = pattern
        self._used = used

    def __getattr__(self, name: str) -> object:
        if name in CALLS:
            self._used.add((self._pattern.pattern, self._pattern.flags & ~re.UNICODE, name))
        return getattr(self._pattern, name)


@pytest.fixture(scope="module")
def used(compiled: Ruleset) -> list[tuple[str, int, str]]:
    """The patterns that extractors use over all fixtures and examples, and how."""
    collected: set[tuple[str, int, str]] = set()
    original = common.rx

    def watching(pattern: str, flags: int = 0) -> _Watched:
        return _Watched(original(pattern, flags), collected)

    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if name.startswith("slipstream.tasks") and getattr(module, "rx", None) is original:
                patch.setattr(module, "rx", watching)
        texts = [log.read_bytes() for log in sorted(LOGS.rglob("*.log"))]
        texts += [f"before\n{one}\nafter\n".encode() for rule in RULES for one in rule.examples]
        for text in texts:
            scanner = scan.Scanner(compiled.rules, compiled.engine)
            scanner.feed(text)
            analyse(scanner.finish(), compiled, Outcome(1))
    return sorted(collected)


def seconds(pattern: re.Pattern[str], call: str, text: str) -> float:
    """Processor time of one call; the best of three where it seems slow."""
    best = 1e9
    for _ in range(3):
        start = time.thread_time()
        if call == "sub":
            pattern.sub("", text)
        elif call == "finditer":
            list(pattern.finditer(text))
        else:
            getattr(pattern, call)(text)
        best = min(best, time.thread_time() - start)
        if best < SLOW:
            break
    return best


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_pattern_of_an_extractor_is_slow_on_a_hostile_line(
    used: list[tuple[str, int, str]], piece: str
) -> None:
    """Each as it is used, on a line as long as lines get, of one thing again and again."""
    line = (piece * LINE_LIMIT)[: LINE_LIMIT - 1] + "!"
    assert len(used) > 500
    slow = [
        (round(spent, 3), call, source[:150])
        for source, flags, call in used
        if (spent := seconds(re.compile(source, flags), call, line)) > SLOW
    ]
    assert not slow


@pytest.mark.parametrize("piece", [" ", "a", "1", ".", "a/", "a, ", "at ", ": "])
def test_no_extractor_is_slow_on_its_own_line_made_long(piece: str) -> None:
    """An example goes on with one thing again and again, as do the lines after it."""
    slow = []
    for rule in RULES:
        for example in rule.examples[:1] if rule.extract else ():
            line = (example + piece * LINE_LIMIT)[: LINE_LIMIT - 1] + "!"
            doc = Document([line, line, example, line])
            start = time.thread_time()
            extract(doc, [(0, [rule])])
            spent = time.thread_time() - start
            if spent > 2 * SLOW:
                slow.append((round(spent, 3), rule.name))
    assert not slow
