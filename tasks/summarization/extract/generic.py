"""Lines that look like a failure in any tool's output: guesses by words, of the least weight."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import rx
from slipstream.tasks.summarization.extract.driver import line_finding
from slipstream.tasks.summarization.model import Extracted, Rule, Severity

_STRONG = (
    r"\b(?:fatal|panic(?:ked)?|traceback|segmentation fault|core dumped|unhandled|uncaught)\b"
    r"|\b(?:error|err|failure|failed|fail|exception)\b[!]?\s*[:\])=]"
    r"|^[^a-z0-9]*(?:error|failed|failure|fail)\b"
)
_WEAK = (
    r"\b(?:errors?|fail(?:ed|ure|ures|s|ing)?|exceptions?|abort(?:ed|ing)?|crash(?:ed)?|"
    r"could ?n[o']t|can ?not|can't|unable to|not found|no such|undefined|unexpected|expected|"
    r"invalid|missing|denied|refused|timed? ?out|killed|mismatch|unresolved|does ?n[o']t|"
    r"is ?n[o']t|not allowed|unrecognized|unknown|bad|incorrect|wrong|illegal|conflicts?|"
    r"dubious|assert(?:ion)?|rejected|terminated)\b"
)
_HARMLESS = (
    r"\b(?:0|no|without) (?:errors?|fail(?:ures?|ed)|exceptions?)\b"
    r"|\b(?:errors?|failures?|failed|fail|exceptions?)\s*[:=]\s*(?:(?:0|none|false|null)\b|no\s*(?:[,;)\]|]|$))"
    r"|\b(?:error|fail|exception)\w*\.\w+\b|-W\w*error|\b\w+(?:_|-)(?:error|fail)"
    r"|(?:error|fail|exception)\w*(?:_|-)\w"
)
_PASSED = r"(?:\bPASS(?:ED)?\b|\bok\b|(?<!\.)\.{3,}\s*ok\b|[✓✔√]|\bSUCCESS\b|\bDONE\b|\byes\s*$)"


def guess(doc: Document, i: int, rule: Rule) -> Extracted:
    """A line with a word of failure, unless it says that nothing failed."""
    text = doc.texts[i]
    if not text.strip() or rx(_PASSED).search(text[:400]):
        return None
    if rx(_HARMLESS, 2).search(text):
        rest = rx(_HARMLESS, 2).sub(" ", text)
        if not rx(rule.pattern, 2).search(rest):
            return None
    return line_finding(doc, i, rule)


RULES = (
    Rule("generic.strong", _STRONG, "text", "command", Severity.ERROR, guess, 2, True,
         ("fatal: it broke", "Error: no")),
    Rule("generic.weak", _WEAK, "text", "command", Severity.INFO, guess, 0, True,
         ("could not do it",)),
    Rule("generic.warning", r"\bwarn(?:ing)?s?\b\s*[:\])]", "text", "command", Severity.WARNING,
         guess, 1, True, ("warning: odd",)),
)  # fmt: skip
