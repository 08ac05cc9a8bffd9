"""dotnet test, xUnit, NUnit, Pester."""

# ruff: noqa: E501 -- lines of logs are as long as the tools print them

from __future__ import annotations

from slipstream.tasks.summarization.extract import dotnet_tests, numbered
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Finding, Tally


def read(text: str) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, rules=dotnet_tests.RULES + numbered.RULES)


def test_vstest_gives_reason_stack_and_inner_exception() -> None:
    (found,), (tally,) = read("""\
  Failed Shop.CartTests.Loads(text: "12x") [12 ms]
  Error Message:
   System.InvalidOperationException : cannot load
---- System.FormatException : not a number
  Stack Trace:
     at Shop.Prices.Load(String text) in C:\\src\\Prices.cs:line 22
   at System.Number.Throw()
  Standard Output Messages:
 Error: only printed

Failed!  - Failed:     1, Passed:     2, Skipped:     0, Total:     3, Duration: 1,5 s - a.dll (net8.0)
""")
    assert found.name == 'Shop.CartTests.Loads(text: "12x")'
    assert (found.file, found.line) == ("C:\\src\\Prices.cs", 22)
    assert found.code == "System.InvalidOperationException"
    assert dict(tally.counts) == {"failed": 1, "passed": 2, "skipped": 0, "total": 3}
    assert tally.duration == 1.5


def test_the_adapters_line_has_the_same_name_and_less_weight() -> None:
    (line, block), _ = read("""\
[xUnit.net 00:00:00.41]     Shop.CartTests.Adds [FAIL]
  Failed Shop.CartTests.Adds [12 ms]
  Error Message:
   Assert.Equal() Failure: Values differ
Expected: 4
Actual:   3
  Stack Trace:
     at Shop.CartTests.Adds() in /src/CartTests.cs:line 17
""")
    assert line.name == block.name
    assert line.weight < block.weight
    assert block.message == "Assert.Equal() Failure: Values differ: expected 4, actual 3"


def test_nunit_pester_and_the_new_platform() -> None:
    (nunit, pester, platform), _ = read("""\
1) Failed : Shop.CartTests.Adds
  Expected: 4
  But was:  3
at Shop.CartTests.Adds() in /src/CartTests.cs:line 17

    [-] adds two numbers 12ms
      Expected 4, but got 3.
      at <ScriptBlock>, /src/Cart.Tests.ps1: line 3
failed Shop.CartTests.Removes (12ms)
  Assert.IsTrue failed.
    at Shop.CartTests.Removes() in /src/CartTests.cs:line 30
Test run summary: Failed!
""")
    assert (nunit.name, nunit.message) == ("Shop.CartTests.Adds", "expected 4, actual 3")
    assert (pester.tool, pester.file, pester.line) == ("pester", "/src/Cart.Tests.ps1", 3)
    assert (platform.name, platform.line) == ("Shop.CartTests.Removes", 30)


def test_a_sentence_that_begins_with_failed_is_no_test() -> None:
    assert read("  Failed to restore packages\nsomething else\n")[0] == []
