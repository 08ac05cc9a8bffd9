"""What linters and compilers say about their whole run, in the line that closes it."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import HEAD, seconds
from slipstream.tasks.summarization.extract.common import rx
from slipstream.tasks.summarization.extract.located import COLOR
from slipstream.tasks.summarization.extract.toolnames import command_tool
from slipstream.tasks.summarization.model import Extracted, Rule, Tally

_NAMES = {
    "error": "errors", "warning": "warnings", "problem": "problems", "offense": "offenses",
    "offence": "offenses", "issue": "issues", "lint": "lints", "violation": "violations",
    "hint": "hints", "note": "notes", "information": "infos", "info": "infos", "smell": "warnings",
    "failure": "errors", "mistake": "errors", "leak": "errors", "vulnerabilitie": "issues",
    "suggestion": "infos", "refactoring": "infos", "diagnostic": "problems", "finding": "issues",
    "smells": "warnings", "misspelling": "issues",
}  # fmt: skip
_FAILING = ("errors", "problems", "offenses", "issues", "lints", "violations")
_NUMBER = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "no": 0}
_COUNT = (
    r"(?i)(\d{1,9}|one|two|three|four|five|six|no) (?:fatal |serious |fixable |\w+ )?"
    r"(error|warning|problem|offen[sc]e|issue|lint|violation|hint|note|information|info|smell|failure"
    r"|suggestion|diagnostic|finding|misspelling)s?\b"
)
_JAVA = r"\.java:(?:\d+: |\[\d+)|with javac\b"
_LABELLED = r"(?i)\b(error|warning|problem|offense|violation|issue)s?(?: found)?: ?(\d{1,9})\b"


def count(doc: Document, i: int, rule: Rule) -> Extracted:
    """Counts in words, "3 errors and 1 warning", or with labels, "Errors: 2"."""
    text = doc.texts[i]
    found: dict[str, int] = {}
    for value, word in rx(_COUNT).findall(text):
        n = _NUMBER.get(value.lower())
        found.setdefault(_NAMES[word.lower()], int(value) if n is None else n)
    for word, value in rx(_LABELLED).findall(text):
        found.setdefault(_NAMES[word.lower()], int(value))
    if not found:
        return None
    failed = any(found.get(name, 0) for name in _FAILING)
    took = rx(r"(?:\bin|took|after) ([\d.,]+ ?(?:ms|s|sec|seconds|m|min)\b)").search(text)
    tool = command_tool(doc) or rule.tool
    if tool == "compiler" and any(rx(_JAVA).search(line) for _, line in doc.back(i, 60)):
        tool = "javac"
    kind = rule.kind
    return Tally(
        tool, kind, doc.numbers[i], failed, tuple(found.items()), seconds(took[1]) if took else None
    )


def clean(doc: Document, i: int, rule: Rule) -> Extracted:
    """`All checks passed!`, `Success: no issues found in 12 source files`."""
    tool = command_tool(doc) or rule.tool
    return Tally(tool, rule.kind, doc.numbers[i], False, note=doc.texts[i].strip())


def rated(doc: Document, i: int, rule: Rule) -> Extracted:
    """pylint's note: not a verdict, but what its users look for."""
    return Tally(rule.tool, rule.kind, doc.numbers[i], None, note=doc.texts[i].strip())


def _rule(name: str, pattern: str, tool: str, *examples: str, kind: str = "lint") -> Rule:
    return Rule(f"{name}.count", pattern, tool, kind, None, count, 30, examples=examples)


RULES: tuple[Rule, ...] = (
    _rule("eslint", r"[0-9] problems? \([0-9]+ error|(?:✖|⚠) [0-9]+ (?:problem|error|warning)", "eslint",
          "✖ 7 problems (6 errors, 1 warning)", "⚠ 48 warnings"),
    _rule("compact", rf"^{COLOR}[0-9]+ (?:problem|violation|issue)s?\.?(?: \(|{COLOR}\r?$)", "eslint", "7 problems"),
    _rule("ruff", r"^(?:\x1b\[[0-9;]*m)*Found [0-9]+ (?:error|diagnostic|issue|warning|violation|misspelling)s?(?: \(|\.\r?$|\r?$)", "ruff", "Found 3 errors.",
          "Found 5 errors (2 fixed, 3 remaining)."),
    _rule("mypy", r"Found [0-9]+ errors? in [0-9]+ files? \((?:checked|errors)", "mypy",
          "Found 1 error in 1 file (checked 3 source files)"),
    _rule("pyright", r"[0-9]+ errors?, [0-9]+ warnings?, [0-9]+ (?:informations?|infos?|notes?)\b", "pyright",
          "2 errors, 1 warning, 0 informations"),
    _rule("rubocop", r"[0-9]+ files? inspected, (?:[0-9]+|no) (?:offense|lint)", "rubocop",
          "55 files inspected, 262 offenses detected"),
    _rule("haml-lint", r"[0-9]+ files? inspected, (?:[0-9]+|no) (?:lint|issue)", "haml-lint",
          "82 files inspected, 23 lints detected"),
    _rule("reek", r"[0-9]+ total warnings?", "reek", "65 total warnings"),
    _rule("luacheck", r"Total: [0-9]+ warnings? / [0-9]+ error", "luacheck", "Total: 3 warnings / 0 errors in 1 file"),
    _rule("golangci", r"^[0-9]+ issues(?::|\.)", "golangci-lint", "5 issues:"),
    _rule("sorbet", r"^Errors: [0-9]+\r?$", "sorbet", "Errors: 2"),
    _rule("phpstan", r"\[ERROR\] Found [0-9]+ errors?", "phpstan", " [ERROR] Found 5 errors"),
    _rule("psalm", r"^[0-9]+ errors? found|^[0-9]+ other issues found", "psalm", "3 errors found"),
    _rule("phpcs", r"FOUND [0-9]+ (?:ERROR|WARNING)S?\b", "phpcs", "FOUND 3 ERRORS AND 1 WARNING AFFECTING 3 LINES"),
    _rule("swiftlint", r"Done linting! Found [0-9]+ violation", "swiftlint",
          "Done linting! Found 2 violations, 0 serious in 1 file."),
    _rule("javac", rf"(?:^|\] ){COLOR}[0-9]+ (?:error|warning)s?\r?$", "compiler", "2 errors", "[INFO] 1 warning", kind="compiler"),
    _rule("scalac", rf"{HEAD}(?:one|two|three|four|five|six|[0-9]+) (?:error|warning)s? found", "scalac", "one error found", "two warnings found",
          kind="compiler"),
    _rule("scalastyle", rf"{HEAD}Found [0-9]+ (?:error|warning)s\r?$", "scalastyle", "Found 1 errors"),
    _rule("credo", r"found (?:no issues|[0-9]+ .{0,80}(?:issue|refactoring|warning|suggestion|opportunit))", "credo", "198 mods/funs, found 3 warnings, 2 code readability issues."),
    _rule("shellcheck", r"^hint: [0-9]+ issues? found", "lint", "hint: 3 issues found"),
    _rule("dart", r"^(?:[0-9]+|No) issues? found[.!]", "dart", "3 issues found."),
    Rule("ruff.clean", r"^(?:\x1b\[[0-9;]*m)*All checks passed!", "ruff", "lint", None, clean, 30,
         examples=("All checks passed!",)),
    Rule("mypy.clean", r"^(?:\x1b\[[0-9;]*m)*Success: no issues found", "mypy", "lint", None, clean, 30,
         examples=("Success: no issues found in 12 source files",)),
    Rule("pylint.rated", r"Your code has been rated at -?[0-9.]+/10", "pylint", "lint", None, rated, 30,
         examples=("Your code has been rated at 7.50/10",)),
)  # fmt: skip
