"""Bazel: failed actions, failed analyses, the verdict."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.stack import bare, block, ranges
from slipstream.tasks.summarization.extract.step import verdict
from slipstream.tasks.summarization.model import Extracted, Rule

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
    failing = rx(r"(//\S*?:\S+?|//\S+?)['\s;,]").search(match[4] + " ")
    end = i if known else last
    return finding(
        doc, rule, i, end, match[4].strip(), name=failing[1] if failing else "",
        file=match[1] or "", line=number(match[2]), column=number(match[3]),
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
        "bazel.verdict", r"Build (?:did NOT complete|completed) successfully", "bazel", "build",
        extract=outcome, weight=30,
        examples=("ERROR: Build did NOT complete successfully", "INFO: Build completed successfully, 3 total actions"),
    ),
)  # fmt: skip
