"""`slip search`, `slip symbols` and `slip map`: what they print, and what they refuse."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from slipstream.cli.main import main
from slipstream.tasks.indexing import query
from tests.unit.cli.conftest import git

Printed = pytest.CaptureFixture[str]


@pytest.mark.usefixtures("project")
def test_the_best_hit_comes_first_with_its_definition(capsys: Printed) -> None:
    """As path:line: text, with kind and lines, and what follows it."""
    assert main(["search", "parse header"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[:2] == [
        "shop/cart.py:12: def parse_header(line):  [function, lines 12-15]",
        '  13-     """Split a header into its name and its value."""',
    ]
    assert captured.err == ""


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "paths"),
    [
        (["add item", "--lang", "javascript"], {"web/cart.js"}),
        (["add item", "-t", "js"], {"web/cart.js"}),
        (["parse header", "-g", "*.py"], {"shop/cart.py"}),
        (["item", "shop/prices.py"], {"shop/prices.py"}),
        (["item", "shop", "-g", "ca*"], {"shop/cart.py"}),
        (["item", "web", "--path", "*.js"], {"web/cart.js"}),
        (["Cart", "--mode", "symbol", "--kind", "class"], {"shop/cart.py"}),
        (["-F", "item * (1 + RATE)"], {"shop/prices.py"}),
        (["-E", r"def \w+_header\("], {"shop/cart.py"}),
        (["--mode", "regex", "^RATE"], {"shop/prices.py"}),
    ],
    ids=str,
)
def test_filters_and_modes_narrow_it(
    arguments: list[str], paths: set[str], capsys: Printed
) -> None:
    """By path, folder, language, kind; as text and as an expression."""
    assert main(["search", *arguments, "--json"]) == 0
    assert {hit["path"] for hit in json.loads(capsys.readouterr().out)["hits"]} == paths


def test_json_says_what_was_searched(project: Path, capsys: Printed) -> None:
    """The question, the state, and each hit with its lines."""
    assert main(["search", "-F", "RATE", "-C", "1", "-m", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["version"], found["mode"], found["limit"]) == (1, "text", 1)
    assert found["commit"] == found["state"] == git(project, "rev-parse", "HEAD")
    (hit,) = found["hits"]
    assert (hit["path"], hit["line"], hit["text"]) == ("shop/prices.py", 3, "RATE = 0.19")
    assert (hit["before"], hit["after"]) == ([""], [""])


@pytest.mark.usefixtures("project")
def test_context_is_numbered(capsys: Printed) -> None:
    """Before and after, as asked for."""
    assert main(["search", "-F", "RATE = ", "-C", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        '  1- """Prices with tax."""',
        "  2- ",
        "shop/prices.py:3: RATE = 0.19  [constant]",
        "  4- ",
        "  5- ",
    ]


def test_output_stays_within_its_bytes(project: Path, capsys: Printed) -> None:
    """The first hit is shown whatever it takes; what is left out is counted."""
    for number in range(40):
        (project / f"part_{number}.py").write_text(f"def handler(): return {'x' * 80!r}\n")
    git(project, "add", ".")
    assert main(["search", "-F", "def handler", "-m", "30", "--max-bytes", "2048"]) == 0
    out = capsys.readouterr().out
    shown = out.splitlines()
    assert 1500 < len(out.encode()) < 2048 + 100
    assert shown[-1] == (
        f"… {len(shown) - 1} of 40 lines in 40 files are shown: "
        "raise --max-bytes, or narrow it with --path, --lang or --kind."
    )
    assert main(["search", "-F", "def handler", "--max-bytes", "1"]) == 0
    assert capsys.readouterr().out.startswith("part_0.py:1: def handler")
    for room, least, most in ((1, 1, 1), (2048, 2, 8), (10**6, 30, 30)):
        limits = ["-m", "30", "--max-bytes", str(room), "--json"]
        assert main(["search", "-F", "def handler", *limits]) == 0
        hits = json.loads(capsys.readouterr().out)["hits"]
        assert least <= len(hits) <= most
        assert room == 1 or len(json.dumps(hits, indent=2)) <= room


def test_matching_lines_are_grouped_by_what_they_stand_in(project: Path, capsys: Printed) -> None:
    """Its name is said once, no line is shown twice, and what is left out is counted."""
    (project / "steps.py").write_text(
        "step = 0\n\n\ndef walk(step):\n    step += 1\n    go(step)\n    end()\n    return step\n"
    )
    git(project, "add", "steps.py")
    assert main(["search", "-F", "step", "steps.py"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "steps.py:1: step = 0  [variable]",
        "steps.py:4: def walk(step):  [function]",
        "  5:     step += 1",
        "  6:     go(step)",
        "  8:     return step",
    ]
    assert main(["search", "-E", r"go\(|return|step \+=", "steps.py", "-C", "1", "-m", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "  4- def walk(step):",
        "steps.py:5:     step += 1  [function walk]",
        "  6:     go(step)",
        "  7-     end()",
        "… 2 of 3 lines in 1 file are shown: "
        "raise --limit, or narrow it with --path, --lang or --kind.",
    ]
    assert main(["search", "-F", "step", "steps.py", "-m", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [hit["line"] for hit in found["hits"]] == [1, 4]
    assert (found["total"], found["files"], found["whole"]) == (5, 1, True)


def test_what_would_move_the_cursor_is_written_out(project: Path, capsys: Printed) -> None:
    """In lines as in paths; a long line is cut."""
    (project / "odd.py").write_text(f"needle = '\x1b[2J' {'y' * 500}\n")
    git(project, "add", "odd.py")
    assert main(["search", "-F", "needle"]) == 0
    out = capsys.readouterr().out
    assert "\\x1b[2J" in out
    assert "…" in out
    assert len(out) < 400


@pytest.mark.usefixtures("project")
def test_nothing_found_is_4(capsys: Printed) -> None:
    """With a sentence; as JSON with an empty list."""
    assert main(["search", "zebra"]) == 4
    assert capsys.readouterr().err == (
        "slip: Nothing was found for 'zebra'; try fewer or other words.\n"
    )
    assert main(["search", "zebra", "--kind", "class"]) == 4
    assert "look in more files or kinds" in capsys.readouterr().err
    assert main(["search", "zebra", "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["hits"] == []


@pytest.mark.usefixtures("project")
def test_names_that_are_near_are_told_where_nothing_is_found(capsys: Printed) -> None:
    """In the same sentence; as JSON in a list."""
    for text in ("prase_header(line, 1)", "def parse_heade(r"):
        assert main(["search", "-F", text]) == 4
        assert capsys.readouterr().err == (
            f"slip: Nothing was found for {text!r}; did you mean parse_header?\n"
        )
    assert main(["search", "-E", "parse_header[0-9]", "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["near"] == ["parse_header"]
    assert main(["search", "--kind", "class", "--mode", "symbol", "parse_header"]) == 4
    assert "look in more files or kinds" in capsys.readouterr().err


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["search", " "], 2, "The query is empty"),
        (["search", "x", "--mode", "fuzzy"], 2, "--mode 'fuzzy' is not one of hybrid, symbol"),
        (["search", "x", "-F", "-E"], 2, "Only one of --mode, -F and -E"),
        (["search", "x", "-F", "--mode", "symbol"], 2, "Only one of --mode, -F and -E"),
        (["search", "x", "--limit", "0"], 2, "--limit 0 must be above 0"),
        (["search", "x", "-C", "-1"], 2, "--context -1 must not be negative"),
        (["search", "-E", "("], 2, "regular expression"),
        (["search", "x", "--kind", "klass"], 2, "did you mean class?"),
        (["search", "x", "--lang", "pyhton"], 2, "did you mean python?"),
        (["search", "x", "--lang", "zzz"], 2, "there are bash, c, "),
        (["symbols", "shop/cart.py", "--kind", "x"], 2, "--kind 'x' is none; there are class,"),
        (["search", "x", "--revision", "nope"], 4, "no commit 'nope'"),
        (["search", "x", "no/such"], 4, "no/such does not exist"),
        (["symbols", "shop"], 2, "shop is a folder"),
        (["symbols", "nope.py"], 4, "nope.py does not exist"),
        (["symbols", "shop/cart.py", "--kind", "trait"], 4, "holds no trait"),
        (["symbols", ".git/index"], 4, "cannot be read"),
        (["symbols", os.devnull], 4, "it has to be a file"),
        (["symbols", "shop/cart.py", "--revision", "nope"], 4, "no commit 'nope'"),
        (["search", "x", "-g", "[a"], 2, "The path glob [a has a [ that is not closed"),
        (["search", "x", ""], 2, "The path is empty"),
        (["search", "-E", "a\udcffb"], 2, "bytes that are not UTF-8"),
        (["search", "-E", "a" * 17_000], 2, "Pattern length"),
        (["search", "-F", "a" * 17_000], 4, "Nothing was found for 'aaaa"),
        (["search", "-F", "a\udcffb"], 4, "Nothing was found"),
        (["search", "x\0y"], 4, "Nothing was found"),
        (["search", "?!."], 4, "Nothing was found for '?!.'"),
        (["symbols", ""], 2, "The path is empty"),
        (["symbols", "nope.py", "--revision", "HEAD"], 4, "nope.py is not among the files"),
        (["map", "--max-bytes", "1"], 2, "1 bytes are too few for a map"),
        (["map", "--tokens", "0"], 2, "--tokens 0 must be above 0"),
        (["map", "--tokens", "5", "--max-bytes", "5"], 2, "Only one of --max-bytes and --tokens"),
        (["map", "nope"], 4, "nope does not exist"),
    ],
    ids=str,
)
def test_what_is_wrong_is_one_sentence(
    arguments: list[str], status: int, said: str, capsys: Printed
) -> None:
    """With the documented exit status."""
    assert main(arguments) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said.lower() in captured.err.lower()
    assert captured.err.count("\n") == 1


def test_a_current_folder_that_is_gone_is_one_sentence(project: Path, capsys: Printed) -> None:
    """It cannot be told what is meant."""
    gone = project / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    for command in (["search", "x"], ["map"], ["symbols", "a.py"]):
        assert main(command) == 4
        assert capsys.readouterr().err == (
            "slip: The current folder is gone; change to another one.\n"
        )
    os.chdir(project)


@pytest.mark.usefixtures("project")
def test_however_much_is_asked_for_around_a_hit_the_bytes_are_kept(capsys: Printed) -> None:
    """Of the first hit, its own line is shown."""
    assert main(["search", "-F", "RATE = ", "-C", "99999999999", "--max-bytes", "20"]) == 0
    assert capsys.readouterr().out == "shop/prices.py:3: RATE = 0.19  [constant]\n"


def test_a_revision_is_searched_as_it_was(project: Path, capsys: Printed) -> None:
    """Whatever stands in the worktree."""
    (project / "shop/cart.py").write_text("def renamed(): pass\n")
    git(project, "commit", "-qam", "Second")
    assert main(["search", "parse_header", "--revision", "HEAD~1"]) == 0
    assert "shop/cart.py:12:" in capsys.readouterr().out
    assert main(["search", "parse_header", "--mode", "symbol"]) == 4
    assert main(["symbols", "shop/cart.py", "--revision", "HEAD~1"]) == 0
    assert "def parse_header(line)" in capsys.readouterr().out


def test_untracked_files_are_searched_when_asked(project: Path, capsys: Printed) -> None:
    """Otherwise they do not count."""
    (project / "new.py").write_text("def brand_new(): pass\n")
    assert main(["search", "brand_new", "--mode", "symbol"]) == 4
    assert main(["search", "brand_new", "--untracked"]) == 0
    assert capsys.readouterr().out.startswith("new.py:1:")


def test_a_repeated_question_is_a_hit_until_something_changes(project: Path) -> None:
    """The answer is that of the files as they are."""
    from slipstream.cli.cache_open import opened

    def ask() -> query.Answer:
        with opened() as store:
            return query.ask(query.place(".")[0], query.Question("parse_header"), store)

    first, second = ask(), ask()
    assert (first.cached, second.cached) == (False, True)
    assert second.hits == first.hits
    (project / "shop/cart.py").write_text("\n\n" + (project / "shop/cart.py").read_text())
    third = ask()
    assert (third.cached, third.hits[0].line) == (False, first.hits[0].line + 2)


def test_a_damaged_answer_is_asked_anew(project: Path) -> None:
    """As one of another version."""
    from slipstream.cli.cache_open import opened

    with opened() as store:
        source = query.place(".")[0]
        first = query.ask(source, query.Question("Cart"), store)
        (key,) = store.keys(prefix="v1::search::")
        for value in (b"", b"\xc1", b"\x93\xa6answer\x63\x90", b"\x80"):
            store.set(key, value)
            assert query.ask(source, query.Question("Cart"), store) == first


@pytest.mark.parametrize(
    ("folder", "glob", "whole"),
    [
        ("", "*.py", "*.py"),
        ("src", "", "/src/"),
        ("src", "*.py", "/src/**/*.py"),
        ("src", "a/*.py", "/src/a/*.py"),
        ("src", "/a/", "/src/a/"),
        ("a[1]*{b}", "", "/a[[]1][*][{]b}/"),
    ],
)
def test_a_glob_below_a_folder(folder: str, glob: str, whole: str) -> None:
    """Characters of the folder's name mean themselves."""
    assert query.below(folder, glob) == whole


@pytest.mark.usefixtures("project")
def test_symbols_are_listed_by_line(capsys: Printed) -> None:
    """With their lines, signatures and first sentences; as JSON too."""
    assert main(["symbols", "shop/cart.py"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "4-9       class Cart  — What somebody wants to buy.",
        "7-9         def add_item(self, item)  — Put an item into the cart.",
        "12-15     def parse_header(line)  — Split a header into its name and its value.",
    ]
    assert main(["symbols", "shop/cart.py", "--kind", "class", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["language"], found["lines"], len(found["symbols"])) == ("python", 15, 1)
    assert main(["symbols", "README.md"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["1-7", "Shop"],
        ["5-7", "Prices"],
    ]


def test_symbols_of_what_git_does_not_know(project: Path, capsys: Printed) -> None:
    """An untracked file, an ignored one, one outside of a repository; one that holds nothing."""
    (project / ".gitignore").write_text("ignored.py\n")
    outside = project.parent / "outside.py"
    for file in (project / "untracked.py", project / "ignored.py", outside):
        file.write_text("def here(): pass\n")
        assert main(["symbols", str(file)]) == 0
        assert "def here()" in capsys.readouterr().out
    (project / "empty.py").write_text("")
    assert main(["symbols", "empty.py"]) == 4
    assert "because it is empty" in capsys.readouterr().err
    (project / "archive.zip").write_bytes(b"PK\x03\x04")
    assert main(["symbols", "archive.zip", "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["skipped"] == "binary"


@pytest.mark.usefixtures("project")
def test_a_map_fits_its_bytes(capsys: Printed) -> None:
    """Of all, of a folder, in tokens, as JSON."""
    assert main(["map"]) == 0
    whole = capsys.readouterr().out
    assert "class Cart" in whole
    assert main(["map", "web"]) == 0
    assert "shop" not in capsys.readouterr().out
    assert main(["map", "--tokens", "20", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["bytes"] == len(found["text"].encode()) <= 80


def test_an_empty_repository_has_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    """Which is said; it is not an error of the program."""
    git(tmp_path, "init", "-q", "empty")
    monkeypatch.chdir(tmp_path / "empty")
    assert main(["search", "x"]) == 4
    assert main(["cache", "warm"]) == 0
    assert capsys.readouterr().out.startswith("0 files are indexed; ")
