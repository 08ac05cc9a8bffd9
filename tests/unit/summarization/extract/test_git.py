"""git."""

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.git import RULES
from slipstream.tasks.summarization.model import Finding, Severity, Tally


def _read(text: str, command: tuple[str, ...] = ()) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, command=command, rules=RULES)


def test_a_status_is_one_finding_with_counts() -> None:
    (found,), (tally,) = _read("""\
On branch main
Your branch is up to date with 'origin/main'.

Changes to be committed:
  (use "git restore --staged <file>..." to unstage)
\tnew file:   a.py

Changes not staged for commit:
\tmodified:   b.py
\tmodified:   c.py

Untracked files:
\td.py

""")
    assert found.severity is Severity.INFO
    assert found.message == "main: 1 staged, 2 not staged, 1 untracked"
    assert tally.counts == (("staged", 1), ("not staged", 2), ("untracked", 1))
    assert found.span == (1, 13)


def test_a_short_status_is_counted_too() -> None:
    (found,), _ = _read("M  a.py\n M b.py\n?? c.py\n", ("git", "status", "-s"))
    assert found.message == "1 staged, 1 not staged, 1 untracked"


def test_lines_that_only_look_like_a_short_status_are_not() -> None:
    assert _read("building\n M b.py\n")[0] == []


def test_statistics_have_files_added_and_deleted() -> None:
    (found,), (tally,) = _read(
        " a.py | 3 ++-\n b.py | 4 ++++\n 2 files changed, 6 insertions(+), 1 deletion(-)\n"
    )
    assert found.span == (1, 3)
    assert tally.counts == (("files", 2), ("added", 6), ("deleted", 1))


def test_a_log_counts_commits_and_authors() -> None:
    commit = (
        "commit {:040x}\nAuthor: A <a@example.org>\nDate:   Mon Mar {} 05:06:07 2024 +0000\n\n"
        "    Subject\n\n"
    )
    (found,), (tally,) = _read(commit.format(2, 5) + commit.format(1, 4))
    assert found.message == (
        "2 commits by 1 author, Mon Mar 4 05:06:07 2024 +0000 to Mon Mar 5 05:06:07 2024 +0000"
    )
    assert tally.counts == (("commits", 2), ("authors", 1))


def test_conflicts_name_their_files_and_the_merge_fails() -> None:
    findings, (tally,) = _read("""\
Auto-merging a.py
CONFLICT (content): Merge conflict in a.py
CONFLICT (modify/delete): b.py deleted in side and modified in HEAD.
Automatic merge failed; fix conflicts and then commit the result.
""")
    assert [f.file for f in findings] == ["a.py", "b.py", ""]
    assert tally.failed


def test_a_rejected_push_has_its_reason_and_hints() -> None:
    (found,), (tally,) = _read("""\
To example.org:shop.git
 ! [rejected]        main -> main (fetch first)
error: failed to push some refs to 'example.org:shop.git'
hint: Updates were rejected because the remote contains work that you do not
hint: have locally.
""")
    assert (found.code, found.span) == ("fetch first", (1, 5))
    assert tally.failed


def test_a_refusal_lists_the_files() -> None:
    (found,), _ = _read("""\
error: Your local changes to the following files would be overwritten by checkout:
\ta.py
Please commit your changes or stash them before you switch branches.
Aborting
""")
    assert found.span == (1, 4)
