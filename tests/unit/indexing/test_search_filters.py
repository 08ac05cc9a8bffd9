"""Path globs, as `.gitignore` writes them."""

from __future__ import annotations

import pytest

from slipstream.storage.errors import UsageError
from slipstream.tasks.indexing.filters import glob_pattern


@pytest.mark.parametrize(
    ("glob", "fits", "fits_not"),
    [
        ("*.py", ["a.py", "b/c/a.py"], ["a.pyc", "py"]),
        ("src/*.py", ["src/a.py"], ["src/b/a.py", "x/src/a.py"]),
        ("src/**/*.py", ["src/a.py", "src/b/c/a.py"], ["a.py"]),
        ("**/test_*.py", ["test_a.py", "b/test_a.py"], ["b/a_test.py"]),
        ("docs/**", ["docs/a", "docs/b/c"], ["docs", "x/docs/a"]),
        ("docs/", ["docs/a", "x/docs/b/c"], ["docsx/a"]),
        ("/docs/", ["docs/a", "docs/b/c", "docs"], ["x/docs/a"]),
        ("./a?c.md", ["abc.md"], ["a/c.md", "ac.md", "x/abc.md"]),
        ("[ab].c", ["a.c", "b.c"], ["c.c"]),
        ("[!ab].c", ["c.c"], ["a.c"]),
        ("[]].c", ["].c"], ["a.c"]),
        ("[a-c^].c", ["b.c", "^.c"], ["d.c"]),
        ("*.{ts,tsx}", ["a.ts", "b/a.tsx"], ["a.js"]),
        (r"\*.c", ["*.c"], ["a.c"]),
        (r"\[unclosed", ["[unclosed"], ["u"]),
        ("a]b}", ["a]b}"], ["ab"]),
        (r"[{]*[[]", ["{a["], ["a["]),
        ("a+b(c).d", ["a+b(c).d"], ["aab(c).d"]),
        ("[[]x[]]", ["[x]"], ["x"]),
    ],
)
def test_a_glob_fits(glob: str, fits: list[str], fits_not: list[str]) -> None:
    pattern = glob_pattern(glob)
    assert [path for path in fits if not pattern.fullmatch(path)] == []
    assert [path for path in fits_not if pattern.fullmatch(path)] == []


def test_a_glob_that_cannot_be_read_is_said_in_a_sentence() -> None:
    with pytest.raises(UsageError, match=r"\[z-a\]"):
        glob_pattern("[z-a]*.py")
    for glob in ("[a", "src/{a,b", "[a]/[", "a[/]"):
        with pytest.raises(UsageError, match="is not closed"):
            glob_pattern(glob)


def test_a_line_feed_in_a_path_is_a_character_like_others() -> None:
    assert glob_pattern("*.py").fullmatch("odd\nname.py")
