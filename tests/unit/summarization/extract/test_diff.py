"""Diffs."""

from hypothesis import given
from hypothesis import strategies as st

from slipstream.tasks.summarization.extract.diff import RULES
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Finding, Severity, Tally

DIFF = """\
diff --git a/a.py b/a.py
index 1..2 100644
--- a/a.py
+++ b/a.py
@@ -1,3 +1,4 @@
 x
-y
+z
+--- not a header
 w
@@ -9 +10 @@ def f():
-1
+2
diff --git a/b.py b/b.py
new file mode 100644
--- /dev/null
+++ b/b.py
@@ -0,0 +1 @@
+b
"""


def _read(text: str) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, rules=RULES)


def test_every_file_is_a_finding_and_the_first_has_the_totals() -> None:
    findings, (tally,) = _read(DIFF)
    assert [f.message for f in findings] == ["a.py: +3 -2 in 2 hunks", "b.py: +1 -0"]
    assert [f.span for f in findings] == [(1, 13), (14, 19)]
    assert {f.severity for f in findings} == {Severity.INFO}
    assert tally.counts == (("files", 2), ("added", 4), ("deleted", 2))


def test_a_diff_that_makes_a_check_fail_is_an_error() -> None:
    findings, _ = _read(DIFF + '\nThe command "make format" exited with 1.\n')
    assert findings[-1].severity is Severity.ERROR


def test_plain_diffs_have_no_git_header() -> None:
    (found,), _ = _read(
        "--- a.txt\t2024-01-01 10:00:00\n+++ b.txt\t2024-01-01 10:00:01\n@@ -1 +1 @@\n-a\n+b\n"
    )
    assert (found.name, found.message) == ("b.txt", "b.txt: +1 -1")
    (found,), _ = _read("diff a.txt b.txt\n2c2\n< two\n---\n> three\n")
    assert (found.name, found.span) == ("b.txt", (1, 5))


def test_a_ruled_line_is_no_diff() -> None:
    assert _read("--- running tests ---\n+++ done\n") == ([], [])


@given(st.lists(st.sampled_from([" c", "+a", "-d"]), min_size=1, max_size=20))
def test_the_counts_are_those_of_the_hunk(body: list[str]) -> None:
    old = sum(line[0] != "+" for line in body)
    new = sum(line[0] != "-" for line in body)
    text = f"--- a/f\n+++ b/f\n@@ -1,{old} +1,{new} @@\n" + "\n".join(body) + "\n"
    (found,), (tally,) = _read(text)
    added, deleted = body.count("+a"), body.count("-d")
    assert tally.counts == (("files", 1), ("added", added), ("deleted", deleted))
    assert found.span == (1, 3 + len(body))
