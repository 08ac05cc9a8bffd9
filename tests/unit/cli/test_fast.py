"""The fast reading of a command line and Typer's agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import pytest
import typer

from slipstream.cli import cache, log, map, run, search, summarize, summary, symbols
from slipstream.cli.fast import Options, parse
from slipstream.cli.main import COMMANDS, FAST, build_app

TABLES: dict[tuple[str, ...], tuple[Options, Mapping[str, str]]] = {
    ("run",): (run.OPTIONS, {}),
    ("summarize",): (summarize.OPTIONS, {}),
    ("log",): (log.OPTIONS, log.ALIASES),
    ("summary", "list"): (summary.LIST, {}),
    ("summary", "show"): (summary.SHOW, {}),
    ("search",): (search.OPTIONS, search.ALIASES),
    ("symbols",): (symbols.OPTIONS, {}),
    ("map",): (map.OPTIONS, {}),
    ("cache", "stats"): (cache.STATS, {}),
}
LEFT_TO_TYPER: dict[tuple[str, ...], set[str]] = {
    ("summarize",): {"--flow"},
    ("log",): {"--limit", "--json", "--days", "--max-size", "--dry-run", "--force"},
}


def typer_options(path: tuple[str, ...]) -> dict[str, Any]:
    """Long option name to Typer's description of it."""
    command: Any = typer.main.get_command(build_app(path[0]))
    # An app with a single command is that command.
    for name in path:
        command = command.commands[name] if hasattr(command, "commands") else command
    return {p.opts[0]: p for p in command.params if p.opts[0].startswith("--")}


@pytest.mark.parametrize("path", TABLES, ids=" ".join)
def test_both_know_the_same_options(path: tuple[str, ...]) -> None:
    """Flags, repeatable ones and short names are the same; `LINES` holds the types of values."""
    table, aliases = TABLES[path]
    options = typer_options(path)
    assert set(options) - LEFT_TO_TYPER.get(path, set()) - {"--help"} == set(table)
    for name, kind in table.items():
        assert options[name].multiple == isinstance(kind, list), name
        assert options[name].is_flag == (kind is bool), name
    shorts = {s: n for n, p in options.items() for s in p.opts[1:] if n in table}
    assert shorts == dict(aliases)


LINES: dict[str, list[list[str]]] = {
    "run": [
        ["--", "make", "--", "-j2"],
        ["make", "--json"],
        ["make", "--", "x"],
        ["--json", "--", "make"],
        ["--type=pytest", "--max-bytes", "2048", "make", "--type", "x"],
        ["--max-bytes", "-5", "make"],
        ["--timeout", "1.5", "--timeout=2", "make"],
        ["--timeout", "1_0", "make"],
        ["--env", "A=1", "--env=B=2=3", "--cwd", "/", "--tee", "make"],
        ["--type", "--json", "make"],
        ["--cwd=", "make"],
        ["-", "x"],
        ["--", "--json"],
        ["--env=", "--profile", "llm", "make"],
    ],
    "summarize": [
        ["-"],
        ["a.log", "--json", "--profile=cli", "--type", "make"],
        ["--json", "a.log", "--max-bytes=2000"],
        ["--exit-code", "-11", "a.log"],
        ["--command", "pytest -q", "--", "-a.log"],
        ["--exit-code", " 3 ", "a.log"],
    ],
    "log": [
        ["last"],
        ["ab12", "--lines", "1:2"],
        ["--head", "3", "last", "-C", "2"],
        ["last", "--grep", "-x", "-o", "out"],
        ["last", "--lines=-3", "--tail", "2", "--context=1", "--output", "x"],
        ["last", "--head", "-1"],
        ["--", "last"],
    ],
    "summary": [
        ["list"],
        ["list", "--limit", "3", "--json"],
        ["show", "last", "--json"],
        ["show", "--", "last"],
        ["list", "--limit=-1"],
    ],
    "search": [
        ["parse header"],
        ["x", "src", "-F", "-g", "*.py", "-C", "2", "-m", "5"],
        ["-E", "def .*", "--json", "--untracked", "--revision=v1"],
        ["x", "--mode", "symbol", "--kind", "class", "--lang", "python", "--max-bytes", "2048"],
        ["--fixed", "--", "--json"],
        ["--regex", "x", "--path", "a/**", "--limit=3", "--context", "0", "-t", "go"],
    ],
    "symbols": [
        ["a.py"],
        ["a.py", "--kind", "class", "--json", "--revision", "HEAD~1"],
    ],
    "map": [
        [],
        ["src", "--tokens", "100", "--json"],
        ["--max-bytes=2048", "--revision", "v1"],
    ],
    "cache": [
        ["stats"],
        ["stats", "--by-type", "--verbose", "--json"],
    ],
}


def test_every_option_is_held() -> None:
    """What is new has to be added to the tables of this file."""
    assert {path[0] for path in TABLES} == set(FAST) == set(LINES)
    for path, (table, aliases) in TABLES.items():
        words = {word.partition("=")[0] for line in LINES[path[0]] for word in line}
        assert set(table) <= words | {aliases[word] for word in words & set(aliases)}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the functions behind the commands are called with, in place of running them."""
    seen: list[Any] = []

    def recorder(name: str) -> Callable[..., int]:
        def record(*arguments: object, **options: object) -> int:
            given = {k: list(v) if isinstance(v, tuple) else v for k, v in options.items()}
            words = [list(a) if isinstance(a, list | tuple) else a for a in arguments]
            seen.append((name, words, {k: v for k, v in given.items() if v not in (None, [])}))
            return 0

        return record

    for module in ("run", "run_options"):
        monkeypatch.setattr(f"slipstream.cli.{module}.run", recorder("run"))
    for module in ("summarize", "summarize_options"):
        monkeypatch.setattr(f"slipstream.cli.{module}.summarize", recorder("summarize"))
    monkeypatch.setattr("slipstream.cli.log.show", recorder("log"))
    monkeypatch.setattr("slipstream.cli.summary.listed", recorder("listed"))
    monkeypatch.setattr("slipstream.cli.summary.show", recorder("show"))
    monkeypatch.setattr("slipstream.cli.search.search", recorder("search"))
    monkeypatch.setattr("slipstream.cli.symbols.symbols", recorder("symbols"))
    monkeypatch.setattr("slipstream.cli.map.show", recorder("map"))
    monkeypatch.setattr("slipstream.cli.cache.stats", recorder("stats"))
    return seen


DEFAULTS: dict[str, dict[str, object]] = {
    "run": {"tee": False, "json": False},
    "summarize": {"command": "", "json": False},
    "log": {"context": 0},
    "listed": {"limit": 50, "json": False},
    "show": {"json": False},
    "search": {
        "fixed": False,
        "regex": False,
        "path": "",
        "lang": "",
        "kind": "",
        "limit": 20,
        "max_bytes": 10240,
        "revision": "",
        "untracked": False,
        "json": False,
    },
    "symbols": {"kind": "", "revision": "", "json": False},
    "map": {"revision": "", "json": False},
    "stats": {"by_type": False, "verbose": False, "json": False},
}

DEFAULT_WORDS = {"search": ["", "."], "map": ["."]}


@pytest.mark.parametrize(
    ("name", "line"), [(name, line) for name, lines in LINES.items() for line in lines], ids=str
)
def test_both_read_a_line_alike(name: str, line: list[str], calls: list[Any]) -> None:
    """What is behind the command is called with the same."""
    fast = getattr(import_module(f"slipstream.cli.{name}"), "fast")  # noqa: B009
    assert fast(line) == 0
    app = build_app(name)
    typer.main.get_command(app).main([name, *line], "slip", standalone_mode=False)
    (function, words, options), (function_2, words_2, options_2) = calls
    words, words_2 = (w + DEFAULT_WORDS.get(function, [])[len(w) :] for w in (words, words_2))
    assert (function, words) == (function_2, words_2)
    assert DEFAULTS[function] | options == DEFAULTS[function] | options_2


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("run", []),
        ("run", ["--"]),
        ("run", ["--help"]),
        ("run", ["--json"]),
        ("run", ["--max-bytes"]),
        ("run", ["--max-bytes", "many", "make"]),
        ("run", ["--jsn", "make"]),
        ("run", ["--json=yes", "make"]),
        ("run", ["-x", "make"]),
        ("summarize", []),
        ("summarize", ["a", "b"]),
        ("summarize", ["a", "--flow"]),
        ("summarize", ["--exit-code", "1.5", "a"]),
        ("log", []),
        ("log", ["list"]),
        ("log", ["prune", "--dry-run"]),
        ("log", ["last", "-C3"]),
        ("log", ["last", "-C=3"]),
        ("search", []),
        ("search", ["a", "b", "c"]),
        ("search", ["a", "-l"]),
        ("symbols", []),
        ("map", ["a", "b"]),
        ("map", ["--tokens", "many"]),
        ("cache", []),
        ("cache", ["list"]),
        ("cache", ["stats", "x"]),
        ("summary", []),
        ("summary", ["lst"]),
        ("summary", ["show"]),
    ],
    ids=str,
)
def test_what_the_table_does_not_explain_is_left_to_typer(name: str, line: list[str]) -> None:
    """It says what is wrong, or helps, or has the option."""
    assert getattr(import_module(f"slipstream.cli.{name}"), "fast")(line) is None  # noqa: B009


def test_a_command_keeps_its_own_options() -> None:
    """The first word that is no option ends those of `slip run`."""
    assert parse(["--json", "a", "--json", "--", "b"], {"--json": bool}, rest=True) == (
        {"json": True},
        ["a", "--json", "--", "b"],
    )


def test_every_fast_command_is_one_of_typers() -> None:
    """With the same name."""
    assert set(FAST) <= set(COMMANDS)
