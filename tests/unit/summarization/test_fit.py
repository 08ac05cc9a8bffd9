"""What of the findings fits: the root cause and what is fatal first, then by rank and share."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.excerpt import size
from slipstream.tasks.summarization.fit import Fitted, Item, brief, fit, item, smaller
from slipstream.tasks.summarization.model import Finding, Limits, Severity
from slipstream.tasks.summarization.rank import rank

DOC = Document([f"line {n} " + "x" * 80 for n in range(400)])
E, W, F, I = Severity.ERROR, Severity.WARNING, Severity.FATAL, Severity.INFO  # noqa: E741


def finding(severity: Severity, first: int, last: int = 0, **more: object) -> Finding:
    values: dict[str, object] = {"tool": "gcc", "kind": "compiler", "file": f"{first}.c"} | more
    return Finding(severity, f"broken {first}", span=(first, last or first), weight=20, **values)  # type: ignore[arg-type]


def fitted(findings: list[Finding], room: int = 9_000, limits: Limits = Limits()) -> Fitted:  # noqa: B008
    return fit(DOC, rank(findings), {}, room, limits, "c883a4c588e2")


def used(items: list[Item]) -> int:
    return sum(size(one.text) + 1 for one in items)


severities = st.sampled_from([E, E, E, W, I, F])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(severities, st.integers(1, 300), st.integers(0, 60)), max_size=60),
    st.integers(200, 12_000), st.integers(1, 40),
)  # fmt: skip
def test_nothing_is_lost_and_nothing_is_above_its_limit(
    drawn: list[tuple[Severity, int, int]], room: int, most: int
) -> None:
    """Each finding is shown or counted; the items are in the order of their rank."""
    findings = rank([finding(s, a, a + n) for s, a, n in sorted(drawn, key=lambda d: d[1])])
    limits = Limits(max_errors=most)
    found = fit(DOC, findings, {}, room, limits, "c883a4c588e2")
    shown = [one.finding for one in (*found.errors, *found.warnings, *found.infos)]
    left = [*found.left_errors, *found.left_warnings, *found.left_infos]
    assert sorted(map(id, (*shown, *left))) == sorted(map(id, findings))
    place = {id(one): at for at, one in enumerate(findings)}
    for items in (found.errors, found.warnings, found.infos):
        order = [place[id(one.finding)] for one in items]
        assert order == sorted(order)
    over = 200 if found.errors else 0  # the root cause is there whatever the room
    assert used([*found.errors, *found.warnings, *found.infos]) <= max(room, over)
    if any(one.severity >= E for one in findings):
        assert found.errors[0].finding.role == "root"


def test_every_fatal_is_there_in_brief_before_one_is_there_in_full() -> None:
    findings = [finding(F, n, n + 19) for n in range(1, 200, 20)]
    found = fitted(findings, 3_000)
    assert not found.left_errors
    assert any("\n" in one.text for one in found.errors)
    assert any("\n" not in one.text for one in found.errors)


def test_one_tool_does_not_crowd_out_another() -> None:
    long = [finding(E, n, n + 19) for n in range(1, 200, 20)]
    other = finding(E, 390, tool="clang")
    shown = [one.finding.tool for one in fitted([*long, other], 9_000).errors]
    assert "clang" in shown


def test_an_item_that_is_too_long_is_shown_in_full_where_there_is_room() -> None:
    (one,) = fitted([finding(E, 1, 60)], 9_000).errors
    assert not one.cut
    (one,) = fitted([finding(E, 1, 60)], 3_000).errors
    assert one.cut


def test_the_names_of_errors_that_do_not_fit_are_listed() -> None:
    found = fitted([finding(E, n, n + 9, name=f"test_{n}") for n in range(1, 350, 10)], 4_000)
    assert found.left_errors
    assert found.left_errors[0].name in found.names


def test_a_summary_that_is_too_long_loses_the_least_telling_first() -> None:
    """Never the root cause."""
    findings = [finding(s, n) for n, s in enumerate([E, E, W, W, I], 1)]
    found: Fitted | None = fitted(findings)._replace(evidence=[300, 301], names="a, b")
    assert found
    lost = []
    while (less := smaller(found, DOC, {300: 1.0, 301: 2.0}, 1)) is not None:
        lost.append(
            [len(less.evidence), less.names, len(less.infos), len(less.warnings), len(less.errors)]
        )
        found = less
    assert lost == [
        [1, "a, b", 1, 2, 2], [0, "a, b", 1, 2, 2], [0, "", 1, 2, 2], [0, "", 0, 2, 2],
        [0, "", 0, 1, 2], [0, "", 0, 0, 2], [0, "", 0, 0, 1],
    ]  # fmt: skip
    assert found.errors[0].finding.role == "root"


def test_in_brief_a_finding_is_one_short_line_that_says_where() -> None:
    one = brief(finding(E, 7, 90, name="test_a", line=3, code="E1", role="root"))
    assert one.text == "- root cause, lines 7-90: 7.c:3 test_a E1 broken 7"
    long = brief(finding(E, 7, name="é" * 400))
    assert size(long.text) <= 200


def test_a_finding_of_a_line_that_is_not_kept_is_shown_by_its_marker() -> None:
    doc = Document(["a", "b"], [1, 900], total=1_000)
    shown = item(doc, finding(E, 500), 400, "c883a4c588e2")
    assert "slip log c883a4c588e2 --lines 500:500" in shown.text
