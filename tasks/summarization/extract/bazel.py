"""Bazel: failed actions, failed analyses, the verdict."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.stack import bare, block, ranges
from slipstream.tasks.summarization.extract.step import verdict
from slipstream.tasks.summarization.model import Extracted, Rule, Severity, Tally

_END = r"^(?:\x1b|INFO: |ERROR: |FAILED: |WARNING: |DEBUG: |Target //|\[[\d,]+ / [\d,]+\]|Use --|Loading:|Analyzing:)"


def action(doc: Document, i: int, rule: Rule) -> Extracted:
    """`ERROR: /x/BUILD:3:8: Compiling x.cc failed: …` and the output of the action."""
    text = doc.texts[i]
    match = rx(r"ERROR: (?:(\S+?):(\d+)(?::(\d+))?: )?(.+)$").search(text)
    if not match:
        return None
    prefix = text[: match.start()]
    last, known = i, False
    for k, line in block(doc, i + 1, prefix, 60):
        if rx(_END).match(line) or (not line.strip() and k > i + 1):
            break
        known = known or bool(
            rx(r":\d+:(?:\d+:)? (?:fatal )?error: |^Traceback|^\s+File \"").search(line)
        )
        last = k if line.strip() else last
    failing = rx(r"(?<![\w/])(//[^\s';,]+)['\s;,]").search(match[4] + " ")
    message = rx(r"^Skipping '[^']+': ").sub("", match[4].strip())
    defined = rx(r" defined by (\S+)").search(message)
    end = i if known else last
    return finding(
        doc, rule, i, end, message, name=failing[1] if failing else "",
        file=match[1] or (defined[1] if defined else ""), line=number(match[2]),
        column=number(match[3]),
        focus=ranges(doc, [(i, min(i + 3, end)), (max(i, end - 8), end)]),
    )  # fmt: skip


def outcome(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Build did NOT complete successfully`, with `Elapsed time` near it."""
    bad = "NOT" in doc.texts[i]
    around = [*doc.back(i, 6), *doc.forward(i, 6)]
    time = next((m[1] for _, t in around if (m := rx(r"Elapsed time: ([\d.]+s)").search(t))), None)
    return verdict(doc, i, rule, bad, time)


def target(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Target //x:y failed to build`"""
    match = rx(r"Target (\S+) failed to build").search(bare(doc.texts[i], ""))
    return finding(doc, rule, i, i, match[0], name=match[1]) if match else None


def tested(doc: Document, i: int, rule: Rule) -> Extracted:
    """`//src:area_test   FAILED in 0.1s`, with the path of its log below."""
    match = rx(r"(//\S+) .*?\b(FAILED|TIMEOUT|NO STATUS|FLAKY)\b").search(doc.texts[i])
    if not match:
        return None
    below = i + 1 < len(doc) and doc.texts[i + 1].strip().endswith("test.log")
    severity = Severity.WARNING if match[2] == "FLAKY" else Severity.ERROR
    return finding(
        doc, rule, i, i + below, f"{match[1]} {match[2]}", severity=severity, name=match[1]
    )


def executed(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Executed 2 out of 3 tests: 2 tests pass and 1 fails locally.`"""
    text = doc.texts[i]
    total = rx(r"out of (\d+) tests?: ").search(text)
    if not total:
        return None
    passed = rx(r"(?<!\d)(\d+) tests? pass").search(text)
    bad = rx(r"(?<!\d)(\d+) fails?\b(?! to build)").search(text)
    unbuilt = rx(r"(?<!\d)(\d+) fails? to build").search(text)
    counts = [("total", int(total[1]))]
    for name, found in (("passed", passed), ("failed", bad), ("not built", unbuilt)):
        if found:
            counts.append((name, int(found[1])))
    failing = bool(bad or unbuilt)
    return Tally(rule.tool, "test", doc.numbers[i], failing, tuple(counts))


RULES: tuple[Rule, ...] = (
    Rule(
        "bazel.action",
        r"ERROR:(?:\x1b\[[0-9;]*m)* (?:\S+:\d+:\d+: |Analysis of target|Skipping '|no such (?:package|target)|error loading package|"
        r"Error computing|.* failed; build aborted|Evaluation of query|infinite symlink|in target '|Unable to find package|"
        r"The project you're trying|Unrecognized option: |no targets found beneath)",
        "bazel", "build", extract=action, weight=18,
        examples=("ERROR: /src/app/BUILD:3:8: Compiling app/x.cc failed: (Exit 1): gcc failed: error executing command",
                  "ERROR: Analysis of target '//app:app' failed; build aborted"),
    ),
    Rule(
        "bazel.target", r"Target //\S+ failed to build", "bazel", "build", extract=target, weight=20,
        examples=("Target //app:app failed to build",),
    ),
    Rule(
        "bazel.test", r"//\S+ {2,}.{0,20}(?:FAILED|TIMEOUT|NO STATUS|FLAKY)\b", "bazel", "test",
        extract=tested, weight=12,
        examples=("//src:area_test                                       FAILED in 0.1s",),
    ),
    Rule(
        "bazel.tests", r"Executed \d+ out of \d+ tests?: ", "bazel", "test", extract=executed, weight=30,
        examples=("Executed 2 out of 3 tests: 2 tests pass and 1 fails locally.",),
    ),
    Rule(
        "bazel.verdict", r"Build (?:did NOT complete|completed) successfully", "bazel", "build",
        extract=outcome, weight=30,
        examples=("ERROR: Build did NOT complete successfully", "INFO: Build completed successfully, 3 total actions"),
    ),
)  # fmt: skip
