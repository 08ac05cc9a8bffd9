"""Failures that a runner numbers: `1) name`. Which runner it was, the block itself tells.

RSpec, minitest, ExUnit, PHPUnit, mocha, jasmine, Playwright, hspec and cucumber-js all print such
blocks. One rule finds them, so that such a line costs one match and not nine.
"""

from __future__ import annotations

from collections.abc import Callable

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import SGR, Lines, block, first
from slipstream.tasks.summarization.extract.common import rx
from slipstream.tasks.summarization.model import Extracted, Rule, Severity

Reader = Callable[[Document, int, Rule, Lines, str], Extracted]

_ENDS = (
    r"^\s*(?:\d+\) |\d+ (?:passing|failing|passed|failed|pending|skipped|flaky|did not run|examples?|"
    r"tests?|specs?|runs|scenarios?)\b|Finished in |Randomized with seed|Executed \d+ of |Tests: \d|"
    r"Failed examples:|Top \d+ slowest|Slow test file|FAILURES!|ERRORS!|WARNINGS!|--$|"
    r"There (?:was|were) \d+ |Failures:$|Pending:$|Incomplete:$|Ran \d+ tests?|\d+ tests?, \d+ |"
    r"npm (?:ERR!|error) |error Command failed|The command \"|travis_time:|lerna ERR!|##\[|"
    r"Coverage (?:report|summary)|=+ Coverage|=+$|-+\|-+|Slowest tests|Run options:)"
    r"|^(?:Failure|Error|Skipped):\s*$"
)


def numbered(doc: Document, i: int, rule: Rule) -> Extracted:
    """A numbered block of a runner's report."""
    m = rx(r"(?:^|[\s|])(?P<number>\d{1,5})\)(?: (?P<title>\S.*)|\s*)$").search(doc.texts[i])
    if not m:
        return None
    before = doc.texts[i][: m.start("number")]
    prefix = f"{head} " if (head := before.rstrip(" ")) else ""
    lines = block(doc, i, _ENDS, prefix, limit=900)
    title = (m["title"] or "").rstrip()
    reader = _reader(doc, i, lines, title)
    return reader(doc, i, rule, lines, title) if reader else None


def _reader(doc: Document, i: int, lines: Lines, title: str) -> Reader | None:
    """The function that reads the block, by what only its runner prints."""
    body = lines[1:]
    head = body[:8]
    if rx(r"^(?:Failure|Error|Skipped):?$").match(title):
        from slipstream.tasks.summarization.extract.ruby_tests import minitest_numbered

        return None if title.startswith("Skipped") else minitest_numbered
    if first(head, r"^\s+(?:Failure/Error: |# \./|Got \d+ failures)"):
        from slipstream.tasks.summarization.extract.ruby_tests import rspec_numbered

        return rspec_numbered
    if rx(r"^(?:test|doctest|property|feature) .*\([\w.]+\)$|^[\w.]+: failure on setup_all").match(
        title
    ) and first(head[:2], r"^\s+\S+\.(?:exs?|md|livemd):\d+|^\s+\*\* \(|^\s+:?\w+"):
        from slipstream.tasks.summarization.extract.beam_tests import exunit_numbered

        return exunit_numbered
    if first(body[:2], r"^\s+Message:$"):
        from slipstream.tasks.summarization.extract.javascript_tests import jasmine_numbered

        return jasmine_numbered
    if rx(r"^(?:\[[^\]]+\] )?› |^\S+\.(?:[cm]?[jt]sx?):\d+:\d+ › |^\[[^\]]+\] › ").match(title):
        from slipstream.tasks.summarization.extract.javascript_tests import playwright_numbered

        return playwright_numbered
    if rx(r"^(?:Failed|Error) : ").match(title):
        from slipstream.tasks.summarization.extract.dotnet_tests import nunit_numbered

        return nunit_numbered
    if rx(r"^\w[\w ]*\([\w.$]+\)$").match(title) and first(
        body[:1], r"^[\w.$]+(?:Error|Exception|Failure)\b"
    ):
        from slipstream.tasks.summarization.extract.jvm_tests import junit_numbered

        return junit_numbered
    if title.startswith("Scenario: "):
        from slipstream.tasks.summarization.extract.other_tests import cucumber_js_numbered

        return cucumber_js_numbered
    if first(body, r"^\S+\.(?:php|phpt|inc):\d+$") or ("::" in title and first(body[:1], r"^\S")):
        from slipstream.tasks.summarization.extract.php_tests import phpunit_numbered

        return phpunit_numbered
    above = next((t for k, t in doc.back(i - 1, 3) if t.strip()), "") if i else ""
    if rx(r"^\s+\S+\.l?hs:\d+:\d+:\s*$").match(above) or first(body, r"^\s+To rerun use: --match"):
        from slipstream.tasks.summarization.extract.functional_tests import hspec_numbered

        return hspec_numbered
    failing = rx(r"^\s*\d+ failing\b").match
    named = title.endswith(":") or first(head, r"^\s+\S.*:$")
    if named and (
        first(
            body,
            r"^\s+(?:at .*:\d+|\S*(?:Error|Exception)\b|\S.* (?:expected|exceeded|timed? ?out))",
        )
        or any(failing(text) for _, text in doc.back(i, 300))
    ):
        from slipstream.tasks.summarization.extract.javascript_tests import mocha_numbered

        return mocha_numbered
    return None


RULES = (
    Rule(
        "numbered.block",
        r"(?:^|Z |\] |\| )[ \t]*" + SGR + r"[ \t]*" + SGR + r"[0-9]{1,5}\)(?: [^ ]|\s*$)",
        "mocha", "test",
        Severity.ERROR, numbered, 20,
        examples=("  1) Suite", "\x1b[0m\x1b[31m  1) Suite adds:\x1b[0m", "1) FooTest::testBar"),
    ),
)  # fmt: skip
