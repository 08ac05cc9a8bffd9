"""A rule that matches everywhere takes no room from the others."""

from __future__ import annotations

from slipstream.tasks.summarization import engine, scan
from slipstream.tasks.summarization.model import Rule

RULES = (
    Rule("everywhere", "^step ", "a", "log"),
    Rule("once", "^broken ", "b", "log"),
)


def scanned(data: bytes) -> tuple[scan.Scanned, list[str]]:
    """The result, and the texts of the lines that are read one by one."""
    compiled = engine.compile_patterns([engine.Pattern(rule.pattern) for rule in RULES])
    scanner = scan.Scanner(RULES, compiled)
    scanner.feed(data)
    result = scanner.finish()
    return result, [result.document.texts[i] for i, _ in result.hits]


def test_a_single_match_in_a_flood_of_others_is_read() -> None:
    """Wherever it stands, and although most lines of the flood are only counted."""
    lines = [b"step %d\n" % n for n in range(3 * scan.FIRST_HITS)]
    lines[scan.FIRST_HITS + 1000] = b"broken 7\n"
    result, texts = scanned(b"".join(lines))
    assert "broken 7" in texts
    assert len(texts) + result.skipped == len(lines)
    assert len(texts) <= scan.FIRST_HITS + scan.LAST_HITS + 1


def test_the_first_and_the_newest_lines_of_a_flood_are_read() -> None:
    """Those between are counted."""
    _, texts = scanned(b"".join(b"step %d\n" % n for n in range(3 * scan.FIRST_HITS)))
    assert texts[0] == "step 0"
    assert texts[-1] == f"step {3 * scan.FIRST_HITS - 1}"
