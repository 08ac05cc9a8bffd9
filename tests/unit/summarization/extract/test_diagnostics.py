"""What compilers and linters print, and what is read from it.

Each case is a pair of files in `diagnostics/`: `<case>.log`, and `<case>.txt` with a sentence of
the behaviour and then one line for each finding: severity, tool, place, code, span, message.
"""

import time
from importlib import import_module
from pathlib import Path

import pytest

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Rule

CASES = Path(__file__).parent / "diagnostics"
FAMILIES = (
    "beam_compilers bundlers c_family checkstyle_xml config_formats functional_compilers "
    "go_compiler javac line_forms linkers lint_blocks lint_counts lint_formats lint_grouped "
    "lint_python msbuild rustc sarif scala snippet_blocks swift tex typescript"
).split()
RULES: tuple[Rule, ...] = tuple(
    rule
    for family in FAMILIES
    for rule in import_module(f"slipstream.tasks.summarization.extract.{family}").RULES
)


def brief(text: str) -> list[str]:
    return [
        f"{f.severity.name.lower()} {f.tool} {f.file}:{f.line}:{f.column} [{f.code}]"
        f" {f.span[0]}-{f.span[1]} {f.message}"
        for f in findings_of(text, rules=RULES)[0]
    ]


@pytest.mark.parametrize("log", sorted(CASES.glob("*.log")), ids=lambda log: log.stem)
def test_diagnostics_are_read_whole_with_place_code_and_severity(log: Path) -> None:
    sentence, *expected = log.with_suffix(".txt").read_text("utf-8").splitlines()
    assert brief(log.read_text("utf-8")) == expected, sentence


HARMLESS = (CASES / "harmless" / "lines.log").read_text("utf-8").splitlines()


@pytest.mark.parametrize("line", HARMLESS)
def test_what_only_mentions_errors_or_positions_is_no_finding(line: str) -> None:
    findings, tallies = findings_of(line, rules=RULES)
    assert findings == []
    assert not any(tally.failed for tally in tallies)


def test_searching_for_text_is_no_linting() -> None:
    text = "src/a.py:12: def error(): ...\n"
    assert findings_of(text, rules=RULES, command=("grep", "-rn", "error"))[0] == []


@pytest.mark.parametrize("filler", [" ", "a", "A", "(", "1", "a-", "[", "~"])
def test_a_long_line_takes_no_rule_more_than_a_moment(filler: str) -> None:
    long = (filler * 2000)[:2000]
    for rule in RULES:
        for example in rule.examples[:1]:
            middle = len(example) // 2
            line = example[:middle] + long + example[middle:]
            doc = Document([long, line, *[long] * 20])
            started = time.process_time()
            if rule.extract:
                made = rule.extract(doc, 1, rule)
                list(made if isinstance(made, list) else [])
            assert time.process_time() - started < 1, rule.name
