"""A summary keeps its promises for any log, any findings and any limit."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipstream.tasks.summarization.analyse import Analysis, nothing
from slipstream.tasks.summarization.detect import Detected
from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.excerpt import line_text
from slipstream.tasks.summarization.model import (
    Finding,
    Limits,
    Log,
    Outcome,
    Severity,
    Tally,
)
from slipstream.tasks.summarization.rank import rank
from slipstream.tasks.summarization.render import header, render

SHA = "c883a4c588e2" + "0" * 52
LOG = Log("c883a4c588e2", SHA, 123_456, 9_000, True)
WORST = Log("", SHA, 10**13, 10**10, False, "the disk is full: " + "é" * 300)
FOOTER = re.compile(
    r"\[slip exit=(unknown|-?\d+) bytes=(\d+) lines=(\d+) complete=(yes|no)"
    r" log=([0-9a-f]{12}|-) sha256=([0-9a-f]{64})\]"
)
LINES = (
    "error: it broke", "", "   ", "```", "  ````python", "~~~", "x" * 700, "é" * 400, "---",
    "    at own.fn (/srv/app.js:1:2)", "    at lib (/x/node_modules/y.js:1:2)", "## Errors (9)",
    '  File "/srv/a.py", line 3', "E   assert 1 == 2", "word " * 50, "- line 3: fake", "😀 → ok",
    "[slip exit=0]", "… 3 of 9 lines", "make: *** [all] Error 2", "warning: odd", "\x07bell",
)  # fmt: skip
some = settings(max_examples=100, deadline=None)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Lines with or without gaps in their numbers."""
    texts = draw(st.lists(st.sampled_from(LINES), min_size=1, max_size=80))
    if draw(st.booleans()):
        texts = texts * draw(st.integers(1, 8))
    numbers: list[int] | None = None
    if draw(st.booleans()):
        numbers, at = [], 0
        for gap in draw(
            st.lists(st.sampled_from([1, 1, 1, 2, 5_000]), min_size=len(texts), max_size=len(texts))
        ):
            at += gap
            numbers.append(at)
    total = numbers[-1] + 5 if numbers else None
    return Document(texts, numbers, total=total, exit_status=1)


@st.composite
def analyses(draw: st.DrawFn) -> Analysis:
    doc = draw(documents())
    last = len(doc) - 1
    findings = []
    for _ in range(draw(st.integers(0, 40))):
        start = draw(st.integers(0, last))
        end = min(last, start + draw(st.sampled_from([0, 0, 0, 1, 5, 30, 300])))
        if doc.numbers[end] - doc.numbers[start] != end - start:
            end = start
        span = (doc.numbers[start], doc.numbers[end])
        focus = ((span[0], span[0]),) if draw(st.booleans()) else ()
        findings.append(
            Finding(
                draw(st.sampled_from(list(Severity))), draw(st.sampled_from(LINES)) + str(start),
                draw(st.sampled_from(["gcc", "pytest", "make"])),
                draw(st.sampled_from(["compiler", "test", "build", "log"])), span,
                file=draw(st.sampled_from(["", "a.c", "é" * 200])),
                line=draw(st.none() | st.just(3)),
                name=draw(st.sampled_from(["", "test_it", "n" * 900])), focus=focus,
                weight=draw(st.sampled_from([10, 20, 30])), count=draw(st.sampled_from([1, 1, 7])),
            )
        )  # fmt: skip
    findings.sort(key=lambda f: f.span)
    guesses = [
        Finding(Severity.ERROR, doc.texts[i], "text", "command", (doc.numbers[i],) * 2, weight=2)
        for i in sorted(draw(st.sets(st.integers(0, last), max_size=20)))
    ]
    tallies = [
        Tally("pytest", "test", 1, True, (("failed", n), ("w" * 90, 1)), note="é" * 150)
        for n in draw(st.lists(st.integers(0, 99), max_size=6))
    ]
    failing = ((1, doc.numbers[last]),) if draw(st.booleans()) else ()
    notes = tuple(draw(st.lists(st.sampled_from(["short", "é" * 300]), max_size=6)))
    return Analysis(
        doc, tuple(rank(findings, failing)), tuple(guesses), tuple(tallies),
        Detected(("gcc", "pytest"), "compiler", ()), failing,
        draw(st.sampled_from([True, False, None])), notes,
    )  # fmt: skip


limits = st.builds(
    Limits, st.integers(960, 2_500) | st.integers(960, 30_000), st.integers(400, 9_000),
    st.integers(300, 4_000), st.integers(1, 30),
)  # fmt: skip
logs = st.sampled_from([LOG, WORST])
outcomes = st.sampled_from(
    [Outcome(1), Outcome(), Outcome(137, "SIGKILL", None, True, 9.5), Outcome(-11, "SIGSEGV")]
)


def unfenced(text: str) -> list[str]:
    """The lines outside of code blocks, as CommonMark reads them; fails where one never ends."""
    outside, ticks = [], ""
    for line in text.split("\n"):
        if ticks:
            if re.fullmatch(rf" {{0,3}}{ticks}`*\s*", line):
                ticks = ""
        elif opening := re.match(r" {0,3}(`{3,})[^`]*$", line):
            ticks = opening[1]
        else:
            outside.append(line)
    assert not ticks, text
    return outside


@some
@given(analyses(), logs, outcomes, limits)
def test_a_summary_keeps_its_limit_its_header_its_footer_and_the_root_cause(
    analysis: Analysis, log: Log, outcome: Outcome, limits: Limits
) -> None:
    """And the same input gives the same bytes."""
    text = render(analysis, log, outcome, limits)
    assert len(text.encode()) <= limits.max_bytes
    lines = text.split("\n")
    assert lines[0].startswith("# ")
    found = FOOTER.fullmatch(lines[-1])
    assert found
    assert found[5] == (log.id or "-")
    assert found[4] == ("yes" if log.complete else "no")
    if any(finding.role == "root" for finding in analysis.findings):
        assert any(line.startswith("- root cause, line") for line in unfenced(text))
    assert render(analysis, log, outcome, limits) == text


@some
@given(analyses(), outcomes, limits)
def test_nothing_in_a_log_can_end_its_block(
    analysis: Analysis, outcome: Outcome, limits: Limits
) -> None:
    """Outside of blocks stands only what Slipstream says."""
    forms = (
        r"# .*", r"", r"## (Errors|Warnings|Information) \(\d+( different, \d+ in all)?\)",
        r"## (Other lines|Output).*", r"## Repeated lines .*", r"- ×\d+, lines .*", r"---",
        r"- (root cause, |follows, )?lines? \d+.*", r"… \d+ of \d+ are not shown.*", r"  .*",
        r"Full log \(.*", r"\[slip exit=.*", r"pytest: .*", r"short", r"é+ … \(\+\d+ bytes\)",
    )  # fmt: skip
    for line in unfenced(render(analysis, LOG, outcome, limits)):
        assert any(re.fullmatch(form, line) for form in forms), line


@some
@given(analyses(), limits)
def test_a_section_counts_what_it_shows_and_what_it_does_not(
    analysis: Analysis, limits: Limits
) -> None:
    text = render(analysis, LOG, Outcome(1), limits)
    outside = unfenced(text)
    for title, severities in (
        ("Errors", (Severity.ERROR, Severity.FATAL)), ("Warnings", (Severity.WARNING,)),
        ("Information", (Severity.INFO,)),
    ):  # fmt: skip
        total = sum(finding.severity in severities for finding in analysis.findings)
        headings = [at for at, line in enumerate(outside) if line.startswith(f"## {title}")]
        if not headings:
            continue
        every = sum(f.count for f in analysis.findings if f.severity in severities)
        how_many = f"{total}" if every == total else f"{total} different, {every} in all"
        assert outside[headings[0]] == f"## {title} ({how_many})"
        rest = outside[headings[0] + 1 :]
        body = rest[
            : next((at for at, line in enumerate(rest) if line[:3] in ("## ", "---")), None)
        ]
        shown = sum(line.startswith("- ") for line in body)
        left = [re.match(r"… (\d+) of (\d+) are not shown", line) for line in body]
        said = [(int(m[1]), int(m[2])) for m in left if m]
        assert said == ([(total - shown, total)] if shown < total else [])
        if title == "Errors":
            fatal = sum(finding.severity == Severity.FATAL for finding in analysis.findings)
            assert shown <= max(limits.max_errors, fatal + 1)
            if limits.max_bytes > 2_048 + 240 * fatal:
                assert shown >= fatal


@some
@given(analyses(), limits)
def test_a_marker_says_how_many_lines_are_left_out_and_which(
    analysis: Analysis, limits: Limits
) -> None:
    """Lines come back as they stand in the log, each by its number."""
    doc = analysis.document
    blocks = re.findall(
        r"^- (?:root cause, |follows, )?lines (\d+)-(\d+).*\n(`{3,})\n([\s\S]*?)\n\3(?=\n)",
        render(analysis, LOG, Outcome(1), limits), re.MULTILINE,
    )  # fmt: skip
    for first, last, _, body in blocks:
        number, total = int(first), int(last) - int(first) + 1
        for line in body.split("\n"):
            gap = re.fullmatch(r"… (\d+) of (\d+) lines: slip log \w+ --lines (\d+):(\d+)", line)
            if gap:
                count, of, start, end = map(int, gap.groups())
                assert (of, start, count) == (total, number, end - start + 1)
                number = end + 1
            else:
                index = doc.index(number)
                assert index is not None
                whole = line_text(doc, index)
                assert line == whole or ("…" in line and line[:20] == whole[:20])
                number += 1
        assert number == int(last) + 1


@some
@given(analyses(), limits)
def test_gaps_between_further_lines_are_numbered(analysis: Analysis, limits: Limits) -> None:
    text = render(analysis, LOG, Outcome(1), limits)
    gaps = re.findall(r"^… (\d+) lines \((\d+):(\d+)\)$", text, re.MULTILINE)
    assert all(int(count) == int(end) - int(start) + 1 for count, start, end in gaps)
    assert all(int(a[2]) < int(b[1]) for a, b in pairwise(gaps))


def finding(severity: Severity, line: int, **more: object) -> Finding:
    values: dict[str, object] = {"message": "broken", "tool": "gcc", "kind": "compiler"} | more
    return Finding(severity, span=(line, line), weight=20, **values)  # type: ignore[arg-type]


def analysis_of(doc: Document, findings: list[Finding], failed: bool | None = True) -> Analysis:
    detected = Detected(("gcc",), "compiler", ())
    return Analysis(doc, tuple(rank(findings)), (), (), detected, (), failed, ())


@pytest.mark.parametrize("limit", [960, 1024, 2048, 10_240])
def test_every_fatal_is_shown_where_there_is_room(limit: int) -> None:
    """Before any error that is not the root cause, however many errors there are."""
    doc = Document([f"error: broken {n}" for n in range(500)])
    findings = [
        finding(Severity.ERROR, n, message=f"broken {n}", file=f"{n}.c") for n in range(1, 400)
    ]
    findings += [
        finding(Severity.FATAL, n, message=f"x {n}", file=f"{n}.c") for n in (402, 403, 404)
    ]
    text = render(analysis_of(doc, findings), LOG, Outcome(1), Limits(limit))
    for number in (402, 403, 404):
        assert re.search(rf"^- .*line {number}\b", text, re.MULTILINE), text
    assert "## Errors (402)" in text


def test_a_fatal_is_never_cut_by_the_number_of_errors() -> None:
    doc = Document([f"error: broken {n}" for n in range(100)])
    findings = [finding(Severity.ERROR, 1)]
    findings += [finding(Severity.FATAL, n, message=f"x {n}", file=f"{n}.c") for n in range(2, 40)]
    text = render(analysis_of(doc, findings), LOG, Outcome(1), Limits())
    assert "## Errors (39)" in text
    assert "not shown" not in text


def test_at_most_25_errors_are_shown_and_the_others_counted() -> None:
    doc = Document([f"error: broken {n}" for n in range(100)])
    findings = [finding(Severity.ERROR, n, message=f"b {n}", file=f"{n}.c") for n in range(1, 61)]
    text = render(analysis_of(doc, findings), LOG, Outcome(1), Limits())
    assert sum(line.startswith("- ") for line in text.split("\n")) == 25
    assert "… 35 of 60 are not shown: slip log c883a4c588e2 --lines 26:60" in text


def test_warnings_get_their_share_beside_any_number_of_errors() -> None:
    """Up to 30 % when they need it, and at least 60 % go to the errors."""
    doc = Document([f"line {n} " + "w" * 90 for n in range(400)])
    findings = [finding(Severity.ERROR, n, message=f"b {n}", file=f"{n}.c") for n in range(1, 101)]
    findings += [
        finding(Severity.WARNING, n, message=f"w {n}", file=f"{n}.c") for n in range(200, 300)
    ]
    findings += [
        finding(Severity.INFO, n, message=f"i {n}", file=f"{n}.c") for n in range(300, 400)
    ]
    text = render(analysis_of(doc, findings), LOG, Outcome(1), Limits(10_240, max_errors=100))
    errors, warnings, infos, evidence = (
        len(text.partition(f"## {title}")[2].partition("\n## ")[0].partition("\n---")[0])
        for title in ("Errors", "Warnings", "Information", "Other lines")
    )
    errors += evidence
    whole = errors + warnings + infos
    assert errors >= 0.55 * whole  # the headings and lines of what is left out count here, too
    assert 0.24 * whole <= warnings <= 0.35 * whole
    assert infos > 0


def test_what_one_class_does_not_use_goes_to_the_others() -> None:
    doc = Document([f"line {n} " + "w" * 90 for n in range(400)])
    findings = [
        finding(Severity.WARNING, n, message=f"w {n}", file=f"{n}.c") for n in range(1, 101)
    ]
    text = render(analysis_of(doc, findings, failed=None), LOG, Outcome(), Limits())
    assert len(text) > 9_000


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome(1), "# FAILED: gcc, exit status 1"),
        (Outcome(0, duration=12.4), "# passed: gcc, exit status 0, 12 s"),
        (Outcome(137, "SIGKILL"), "# KILLED by SIGKILL: gcc, exit status 137"),
        (
            Outcome(137, "SIGKILL", out_of_memory=True),
            "# KILLED: out of memory: gcc, exit status 137",
        ),
        (Outcome(124, timed_out=1.5), "# TIMED OUT after 1.5 s: gcc, exit status 124"),
    ],
)
def test_the_header_names_how_the_command_ended(outcome: Outcome, said: str) -> None:
    failed = outcome.exit_status != 0
    analysis = analysis_of(Document(["x"]), [], failed)
    assert header(analysis, outcome).split("\n")[0] == said


def test_a_failure_without_any_match_shows_the_end_of_the_output() -> None:
    doc = Document([f"step {n} went by" for n in range(1, 501)], exit_status=3)
    text = render(analysis_of(doc, []), LOG, Outcome(3), Limits())
    assert "# FAILED" in text
    assert "step 500 went by" in text
    assert "step 490 went by" in text
    small = render(analysis_of(doc, []), LOG, Outcome(3), Limits(960))
    assert "step 500 went by" in small


def test_an_output_of_no_bytes_is_said_to_be_that_of_its_command() -> None:
    text = render(nothing(("true",), Outcome(0)), LOG, Outcome(0), Limits())
    assert text.startswith("# passed")
    assert FOOTER.fullmatch(text.split("\n")[-1])


def test_an_incomplete_log_is_never_called_complete() -> None:
    log = LOG._replace(complete=False, warning="the limit was met")
    text = render(analysis_of(Document(["x"]), []), log, Outcome(1), Limits())
    assert "INCOMPLETE" in text
    assert "complete=no" in text
    assert "warning: the limit was met" in text
    assert "(complete" not in text


@pytest.mark.parametrize("odd", ["\udcff", "a\x1b[31mb", "x\ny", "\u2028"])
def test_odd_characters_in_names_and_warnings_do_no_harm(odd: str) -> None:
    doc = Document(["x"], command=(f"/bin/{odd}",))
    analysis = analysis_of(doc, [finding(Severity.ERROR, 1, name=odd, file=odd, message=odd)])
    analysis = analysis._replace(notes=(odd,), detected=Detected((), "command", ()))
    text = render(analysis, LOG._replace(warning=odd), Outcome(1), Limits())
    text.encode()
    assert "\x1b" not in text
    assert FOOTER.fullmatch(text.split("\n")[-1])
