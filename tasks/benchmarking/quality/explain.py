"""Judges explanations by the facts that they have to state, and those that they must not.

Words are looked for, not meanings: a task names the ways in which a fact is put. So a right answer
in unusual words can be missed, and the facts of a task are held against its reference only.
"""

from __future__ import annotations

import re
import unicodedata

from slipstream.tasks.benchmarking.quality.case import ExplainTask, Fact
from slipstream.tasks.benchmarking.quality.code import EXTRACTION, RIGHT, Judged

FACTS, FALSE = "facts", "false"
LAYERS = (EXTRACTION, FACTS, FALSE)
"""Where an explanation goes wrong, in the order in which that is looked at."""
_WORDS = re.compile(r"\w+")


def judge(task: ExplainTask, text: str) -> Judged:
    """Hold an answer against the facts of its task.

    Returns:
        Score 1 where all facts are stated and nothing false is, else half the share of facts less
        the false ones.
    """
    said = words(text)
    if not said.strip():
        return Judged(0.0, EXTRACTION, "The answer has no words.")
    missing = [fact.name for fact in task.facts if not states(said, fact)]
    wrong = [fact.name for fact in task.false if states(said, fact)]
    stated = len(task.facts) - len(missing)
    score = 0.5 * max(0, stated - len(wrong)) / len(task.facts)
    if missing:
        return Judged(score, FACTS, f"It does not say {'; '.join(map(repr, missing))}.")
    if wrong:
        return Judged(score, FALSE, f"It says {'; '.join(map(repr, wrong))}, which is false.")
    return Judged(1.0, RIGHT)


def words(text: str) -> str:
    """The words of a text in lower case, with one space before, between and after them."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return f" {' '.join(_WORDS.findall(plain))} "


def states(said: str, fact: Fact) -> bool:
    """Whether words, as `words` gives them, state a fact."""
    return any(all(_found(said, part) for part in alternative) for alternative in fact.any)


def _found(said: str, part: str) -> bool:
    begins = part.endswith("*")
    wanted = words(part.removesuffix("*"))
    return (wanted.rstrip() if begins else wanted) in said
