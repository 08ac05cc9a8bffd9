"""Closing lines of linters and compilers."""

import pytest

from slipstream.tasks.summarization.extract import lint_counts, msbuild, rustc, typescript
from slipstream.tasks.summarization.extract.driver import findings_of

RULES = (*lint_counts.RULES, *msbuild.RULES, *rustc.RULES, *typescript.RULES)


@pytest.mark.parametrize(
    ("line", "failed", "counts"),
    [
        ("✖ 7 problems (6 errors, 1 warning)", True, {"problems": 7, "errors": 6, "warnings": 1}),
        ("Found 3 errors.", True, {"errors": 3}),
        ("Found 1 error in 1 file (checked 3 source files)", True, {"errors": 1}),
        ("Success: no issues found in 12 source files", False, {}),
        ("0 errors, 0 warnings, 0 informations", False, {"errors": 0, "warnings": 0, "infos": 0}),
        ("55 files inspected, 262 offenses detected", True, {"offenses": 262}),
        ("55 files inspected, no offenses detected", False, {"offenses": 0}),
        ("FOUND 3 ERRORS AND 1 WARNING AFFECTING 3 LINES", True, {"errors": 3, "warnings": 1}),
        ("two warnings found", False, {"warnings": 2}),
        ("2 errors", True, {"errors": 2}),
        ("Found 0 errors. Watching for file changes.", False, {"errors": 0}),
        ("error: aborting due to 2 previous errors; 1 warning emitted", True,
         {"errors": 2, "warnings": 1}),
        ("Your code has been rated at 7.50/10", None, {}),
    ],
)  # fmt: skip
def test_closing_lines_are_tallies(line: str, failed: bool | None, counts: dict[str, int]) -> None:
    findings, tallies = findings_of(line, rules=RULES)
    assert findings == []
    assert {tally.failed for tally in tallies} == {failed}
    assert all(dict(tally.counts) == counts for tally in tallies)


def test_msbuild_counts_warnings_and_time_around_its_errors() -> None:
    text = "Build FAILED.\n\n    12 Warning(s)\n    3 Error(s)\n\nTime Elapsed 00:01:02.51\n"
    (tally,) = findings_of(text, rules=RULES)[1]
    assert tally.counts == (("errors", 3), ("warnings", 12))
    assert tally.duration == 62.51
