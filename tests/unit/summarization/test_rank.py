"""The root cause comes first, what follows from it last, and the order is always the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from slipstream.tasks.summarization.model import Finding, Severity
from slipstream.tasks.summarization.rank import digest, rank

E, W, F, I = Severity.ERROR, Severity.WARNING, Severity.FATAL, Severity.INFO  # noqa: E741


def compiler(message: str, line: int, severity: Severity = E, file: str = "a.c") -> Finding:
    return Finding(severity, message, "gcc", "compiler", (line, line), file, line, weight=20)


def failed_test(name: str, line: int, weight: int = 22) -> Finding:
    return Finding(E, f"{name}: assert 1 == 2", "pytest", "test", (line, line + 3), name=name,
                   weight=weight)  # fmt: skip


def logged(message: str, line: int) -> Finding:
    return Finding(E, message, "log", "log", (line, line), weight=12)


def build(
    tool: str, line: int, message: str = "*** [all] Error 2", severity: Severity = E
) -> Finding:
    return Finding(severity, message, tool, "build", (line, line), weight=30)


def roles(
    findings: list[Finding], failing: list[tuple[int, int]] | None = None
) -> list[tuple[int, str]]:
    """First line and role of each, in the order of what matters."""
    return [(f.span[0], f.role) for f in rank(findings, failing or [])]


def test_a_missing_header_is_the_root_of_the_names_that_nobody_knows_after_it() -> None:
    findings = [compiler("widget.h: No such file or directory", 1, F)]
    findings += [compiler(f"'x{n}' undeclared (first use)", n) for n in range(2, 9)]
    findings += [compiler("expected ';' before '}' token", 9)]
    found = roles(findings)
    assert found[0] == (1, "root")
    assert found[1] == (9, "")
    assert found[2:] == [(n, "cascade") for n in range(2, 9)]


def test_a_failed_test_is_the_root_although_errors_were_logged_before_it() -> None:
    found = roles([logged("connection lost", 1), logged("no such user 7", 2), failed_test("a", 9)])
    assert found == [(9, "root"), (1, ""), (2, "")]


def test_an_error_in_the_failing_step_is_the_root_although_others_came_earlier() -> None:
    early = compiler("unused result", 5)
    found = roles([early, compiler("expected ';'", 60), build("ci", 70)], [(50, 70)])
    assert found[0] == (60, "root")
    assert (5, "") in found


def test_a_compile_error_is_the_root_of_what_make_says() -> None:
    found = roles([compiler("expected ';'", 3), build("make", 9), build("ci", 12, "exited with 2")])
    assert found == [(3, "root"), (9, "cascade"), (12, "cascade")]


def test_what_make_says_is_the_root_where_nothing_else_tells() -> None:
    assert roles([build("make", 9)]) == [(9, "root")]


def test_there_is_no_root_without_an_error() -> None:
    assert roles([compiler("unused variable", 3, W), compiler("note", 4, I)]) == [(3, ""), (4, "")]
    assert rank([]) == []


def test_after_the_root_the_worst_comes_first_and_cascades_after_other_errors() -> None:
    findings = [
        compiler("odd", 1, W), compiler("note", 2, I), compiler("first", 3), compiler("second", 4),
        build("make", 5), compiler("the process died", 6, F),
    ]  # fmt: skip
    assert [f.severity for f in rank(findings)] == [E, F, E, E, W, I]
    assert roles(findings)[0] == (3, "root")
    assert roles(findings)[3] == (5, "cascade")


def test_a_test_told_twice_is_one_failure() -> None:
    """Its block, and its line in the list at the end."""
    again = Finding(E, "test_a failed", "pytest", "test", (40, 40), name="test_a", weight=22)
    found = rank([failed_test("test_a", 3, 25), failed_test("test_b", 10, 25), again])
    assert [(f.name, f.span[0]) for f in found] == [("test_a", 3), ("test_b", 10)]


kinds = st.sampled_from(
    [("gcc", "compiler"), ("pytest", "test"), ("make", "build"), ("log", "log")]
)


@st.composite
def findings(draw: st.DrawFn) -> list[Finding]:
    some = []
    for line in sorted(draw(st.lists(st.integers(1, 300), max_size=25))):
        tool, kind = draw(kinds)
        message = draw(st.sampled_from(["x", "no such file y", "'z' undeclared", "exited with 1"]))
        name = draw(st.sampled_from(["", "", "t1", "t2"])) if kind == "test" else ""
        some.append(
            Finding(draw(st.sampled_from(list(Severity))), message, tool, kind, (line, line + 1),
                    file=draw(st.sampled_from(["", "a.c", "b.c"])), name=name,
                    weight=draw(st.sampled_from([12, 20, 30])))
        )  # fmt: skip
    return some


@settings(max_examples=200, deadline=None)
@given(findings(), st.sampled_from([[], [(1, 100)], [(50, 60), (200, 300)]]))
def test_nothing_is_lost_and_the_order_is_total(
    some: list[Finding], failing: list[tuple[int, int]]
) -> None:
    """There is one root where there is an error, and it is first."""
    found = rank(some, failing)
    assert rank(some, failing) == found
    assert sum(f.role == "root" for f in found) == any(f.severity >= E for f in some)
    assert all(f.role != "root" for f in found[1:])
    rest = [f for f in found if not f.role]
    assert [f.severity for f in rest] == sorted((f.severity for f in rest), reverse=True)
    kept = {f.span[0] for f in found} | {p.log_line for f in found for p in f.places}
    told_by_name = {f.span[0] for f in some if f.kind == "test"}
    assert {f.span[0] for f in some} - told_by_name <= kept
    assert sum(f.count for f in found) <= len(some)
    assert {f.name for f in some if f.name} == {f.name for f in found if f.name}


def test_the_digest_names_what_is_said_and_not_where() -> None:
    one = compiler("timeout after 31 ms at 0x7fff", 3)
    assert digest(one) == digest(one._replace(span=(90, 90), line=7))
    assert digest(one) == digest(one._replace(message="timeout after 45 ms at 0x11"))
    others = [one._replace(message="other"), one._replace(code="E1"), one._replace(name="t")]
    assert len({digest(one), *(digest(other) for other in others)}) == 4
    assert len(digest(one._replace(message="\udcff"))) == 16
