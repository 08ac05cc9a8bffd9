"""What failing steps of builds share: what stood right before a marker, verdicts, durations."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, rx
from slipstream.tasks.summarization.extract.stack import bare
from slipstream.tasks.summarization.model import Finding, Rule, Severity, Tally

MARKER = (
    r"\*\*\* (?:\[|No rule|Error code)|The command .* exited with|Process completed with exit code|"
    r"##\[error\]|ERROR: Job failed|Exited with code|exit status \d+\s*$|BUILD FAILED|BUILD FAILURE|"
    r"npm (?:ERR!|error)|ELIFECYCLE|returned a non-zero code|build stopped|rake aborted!|"
    r"Command exited with code|make\S*: (?:Leaving|Entering|Target)|Done\. Your build exited"
)
"""Lines that say only that a step failed; what explains it stands above them."""
_START = (
    r"^(?:\$ |\+ |> |\[command\]|##\[(?:group|section|endgroup)\]|::group::|travis_(?:fold|time):|"
    r"section_(?:start|end):|Run |\[Pipeline\]|\S*[$#%] )"
)
"""A command that is echoed, or the beginning of a step."""
_WORDS = (
    r"\b(?:errors?|fail(?:ed|ure|s)?|fatal|exception|cannot|can't|could not|unable|not found|no such|"
    r"undefined|invalid|missing|denied|expected|differs?|timed out|unknown|illegal|aborted)\b"
)
BEFORE_LINES = 10


def before(doc: Document, i: int, rule: Rule, prefix: str = "") -> Finding | None:
    """The last lines of the step whose marker is line `i`, as a guess of the least weight.

    It is dropped where a rule that knows the tool explains these lines.
    """
    last: int | None = None
    first = i
    seen = 0
    for k, line in doc.back(i - 1, BEFORE_LINES * 3) if i else ():
        text = bare(line, prefix).strip()
        if last is None:
            if not text:
                continue
            if rx(MARKER).search(text):
                if k == i - 1:
                    return None
                continue
            last = k
        if rx(_START).match(text):
            if last != k or text.startswith(("$ ", "+ ", "> ")):
                first = k
                seen += 1
            break
        if not text:
            if seen >= 3:
                break
            continue
        first = k
        seen += 1
        if seen >= BEFORE_LINES:
            break
    if last is None or not seen:
        return None
    said = [bare(doc.texts[k], prefix).strip() for k in range(last, first - 1, -1)]
    message = next((text for text in said if rx(_WORDS, 2).search(text)), said[0])
    return finding(
        doc, rule, first, last, message, severity=Severity.ERROR, kind="command", weight=3,
        focus=((doc.numbers[max(first, last - 3)], doc.numbers[last]),),
    )  # fmt: skip


def verdict(
    doc: Document, i: int, rule: Rule, failed: bool, duration: str | None = None, note: str = ""
) -> Tally:
    """What a build says about its whole run."""
    return Tally(rule.tool, rule.kind, doc.numbers[i], failed, (), seconds(duration), note)


def seconds(text: str | None) -> float | None:
    """A duration such as `1m 3.5s`, `01:02 min`, `2.34 s`, `350ms`, `1h 2m`, in seconds."""
    if not text:
        return None
    if clock := rx(r"^\s*(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)").match(text):
        value = int(clock[2]) * 60 + float(clock[3])
        # maven prints `01:02 min` and `01:02 h`, the latter being hours and minutes.
        if not clock[1] and rx(r"\bh\b").search(text):
            value *= 60
        return int(clock[1] or 0) * 3600 + value
    total, found = 0.0, False
    for amount, unit in rx(r"(\d+(?:[.,]\d+)?)\s*(ms|milli\w*|h\w*|m\w*|s\w*)\b").findall(text):
        scale = 0.001 if unit.startswith(("ms", "milli")) else {"h": 3600, "m": 60, "s": 1}[unit[0]]
        total += float(amount.replace(",", ".")) * scale
        found = True
    return round(total, 3) if found else None
