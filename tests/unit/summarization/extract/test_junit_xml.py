"""JUnit XML: whole, on one line, hostile."""

from __future__ import annotations

import time

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.junit_xml import RULES, unescape
from slipstream.tasks.summarization.model import Finding, Tally


def read(text: str) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, rules=RULES)


def test_a_report_gives_each_failure_and_the_outermost_counts() -> None:
    (failed, broken), (tally,) = read("""\
<testsuites tests="3" failures="1" errors="1" time="0.5">
  <testsuite name="cart" tests="3" failures="1" errors="1">
    <testcase classname="shop.CartTest" name="error" time="0.1"/>
    <testcase classname="shop.CartTest" name="adds" time="0.1">
      <failure message="expected &lt;3&gt; but was &lt;2&gt;" type="AssertionError"><![CDATA[
\tat org.junit.Assert.fail(Assert.java:88)
\tat shop.CartTest.adds(CartTest.java:7)
]]></failure>
    </testcase>
    <testcase classname="shop.CartTest" name="loads"><error type="IOException">no file
</error></testcase>
  </testsuite>
</testsuites>
""")
    assert (failed.name, failed.message) == ("shop.CartTest.adds", "expected <3> but was <2>")
    assert (failed.file, failed.line, failed.code) == ("CartTest.java", 7, "AssertionError")
    assert failed.span == (4, 8)
    assert (broken.name, broken.message) == ("shop.CartTest.loads", "no file")
    assert tally.counts == (("failed", 1), ("errors", 1), ("total", 3))


def test_a_report_on_one_line_gives_all_its_failures() -> None:
    case = '<testcase name="t{0}"><failure message="m{0}">x</failure></testcase>'
    text = f'<testsuite tests="3">{"".join(case.format(n) for n in range(3))}</testsuite>\n'
    findings, _ = read(text)
    assert [(f.name, f.message) for f in findings] == [("t0", "m0"), ("t1", "m1"), ("t2", "m2")]


def test_entities_that_the_file_declares_are_not_expanded() -> None:
    bomb = '<!ENTITY a "&b;&b;&b;"><!ENTITY b "lol">\n'
    (found,), _ = read(
        f'{bomb}<testcase name="t"><failure message="&a;&a;&#65;&#x110000;"/></testcase>\n'
    )
    assert found.message == "&a;&a;A"
    assert unescape("&amp;lt;") == "&lt;"


def test_reading_stays_quick_on_unclosed_tags() -> None:
    started = time.process_time()
    read("<testcase name='a'\n" + "<failure message='\n" * 2000)
    assert time.process_time() - started < 5
