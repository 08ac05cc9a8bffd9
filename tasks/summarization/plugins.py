"""Strategies of others: Python packages by entry point, and patterns of the configuration.

A package adds rules by an entry point of the group `slipstream.strategies`, which names a module
or an object with `RULES`, and optionally `PRIORITY`. The user adds patterns by configuration. Both
become ordinary rules of the one scan. What cannot be used is left out and named in a sentence;
nothing here raises.

Finding entry points costs 40 ms, so `load` runs only when the compiled rules are made anew, which
`fingerprint` decides. See docs/plugins.md.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

from slipstream.tasks.summarization import engine
from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import LINE_LIMIT, number
from slipstream.tasks.summarization.model import Extracted, Rule, Severity

GROUP = "slipstream.strategies"
MAX_PRIORITY = 100
"""Weights of our own rules end at 30, so a plugin can come before all of them."""
PATTERN_WEIGHT = 40
"""A pattern of the user's outweighs every rule that knows its tool."""


class PluginRef(NamedTuple):
    """An entry point: its name, `module:object` or `module`, and the package that has it."""

    name: str
    value: str
    package: str


class Pattern(Protocol):
    """What is used of a pattern of the configuration (`storage.config.Pattern`)."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def regex(self) -> str: ...  # noqa: D102
    @property
    def severity(self) -> str: ...  # noqa: D102
    @property
    def type(self) -> str: ...  # noqa: D102
    @property
    def where(self) -> str: ...  # noqa: D102


def load(patterns: Sequence[Pattern] = ()) -> tuple[list[Rule], list[str]]:
    """Rules of all plugins and patterns, and a sentence about each that could not be used."""
    rules, problems = load_plugins(discover())
    more, wrong = rules_from_patterns(patterns)
    return [*rules, *more], [*problems, *wrong]


def fingerprint() -> tuple[tuple[str, int], ...]:
    """Changes when a package is installed, upgraded or removed: the folders of `sys.path`.

    The first entry is the script's own folder or the current one, which differ from call to call;
    it counts only where packages are installed. Costs a `stat` for each entry.
    """
    found = []
    for at, entry in enumerate(sys.path):
        if at or entry.endswith("-packages"):
            try:
                found.append((entry, os.stat(entry).st_mtime_ns))
            except OSError:
                continue
    return tuple(found)


def discover() -> list[PluginRef]:
    """The entry points of all installed packages, by name; slow."""
    from importlib.metadata import entry_points

    try:
        found = {
            PluginRef(point.name, point.value, point.dist.name if point.dist else "")
            for point in entry_points(group=GROUP)
        }
    except Exception:  # damaged metadata of any installed package
        return []
    return sorted(found)


def load_plugins(plugins: Iterable[PluginRef]) -> tuple[list[Rule], list[str]]:
    """Import plugins and take the rules that work.

    Returns:
        The rules, and for each plugin or rule that cannot be used a sentence why.
    """
    rules: list[Rule] = []
    problems: list[str] = []
    for plugin in plugins:
        called = f"the plugin {plugin.name}" + (f" of {plugin.package}" if plugin.package else "")
        try:
            found = _resolve(plugin.value)
            theirs = list(found.RULES)
            priority = getattr(found, "PRIORITY", None)
        except (Exception, SystemExit) as error:  # whatever its import does
            problems.append(f"{called} was not loaded ({error!r})")
            continue
        for rule in theirs:
            try:
                rules.append(_checked(rule, priority, {r.name for r in rules}))
            except ValueError as error:
                name = rule.name if isinstance(rule, Rule) else repr(rule)[:80]
                problems.append(f"{called}: the rule {name} is left out: {error}")
    return rules, problems


def _resolve(value: str) -> Any:
    """What an entry point names."""
    from importlib import import_module

    module, _, path = value.partition(":")
    found: Any = import_module(module.strip())
    for part in path.split("[")[0].strip().split(".") if path else ():
        found = getattr(found, part)
    return found


def _checked(rule: object, priority: object, taken: set[str]) -> Rule:
    """The rule with the plugin's priority as its weight.

    Raises:
        ValueError: It cannot be used.
    """
    if not isinstance(rule, Rule):
        raise ValueError("it is not a slipstream.tasks.summarization.model.Rule")
    if not all(isinstance(part, str) and part for part in rule[:4]):
        raise ValueError("name, pattern, tool and kind must be texts, and not empty")
    if rule.name in taken:
        raise ValueError("its name is taken")
    if rule.extract is not None:
        function: Any = rule.extract
        path = f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', '')}"
        try:
            same = _resolve(path) is function
        except (Exception, SystemExit):
            same = False
        if not same:  # it is imported by its name when its pattern matches
            raise ValueError("its extractor is not a function of a module's top level")
    if (reason := why_not(rule.pattern, rule.caseless)) is not None:
        raise ValueError(reason)
    if isinstance(priority, int):
        rule = rule._replace(weight=max(0, min(priority, MAX_PRIORITY)))
    return rule._replace(severity=None if rule.severity is None else Severity(rule.severity))


def why_not(pattern: str, caseless: bool = False) -> str | None:
    """Why the scan cannot take a pattern, or None."""
    try:
        engine.compile_patterns([engine.Pattern(pattern, caseless)])
    except (engine.PatternError, ValueError, OverflowError) as error:
        return str(error).rstrip(".") or "the scan does not take it"
    return None


def rules_from_patterns(patterns: Sequence[Pattern]) -> tuple[list[Rule], list[str]]:
    """Rules for the user's patterns.

    Returns:
        The rules, and for each pattern that cannot be used a sentence with its place and why.
    """
    rules: list[Rule] = []
    problems: list[str] = []
    for pattern in patterns:
        called = f"{pattern.where}: pattern {pattern.name}" if pattern.where else (
            f"pattern {pattern.name}"
        )  # fmt: skip
        if (reason := why_not(pattern.regex)) is not None:
            problems.append(f"{called}: {reason}; it is left out")
            continue
        named = "(?P<" in pattern.regex or "(?<" in pattern.regex
        if named and _searcher(pattern.regex) is None:
            problems.append(f"{called}: its groups need google-re2, which is not installed here")
            named = False
        rules.append(
            Rule(
                f"pattern.{pattern.name}",
                pattern.regex,
                pattern.name,
                pattern.type or "command",
                Severity[pattern.severity.upper()],
                pattern_finding if named else None,
                PATTERN_WEIGHT,
            )
        )
    return rules, problems


def pattern_finding(doc: Document, i: int, rule: Rule) -> Extracted:
    """The finding of a pattern's line: its groups message, file, line, column and code."""
    from slipstream.tasks.summarization.extract.driver import line_finding

    found = line_finding(doc, i, rule)
    search = _searcher(rule.pattern)
    if search is None:
        return found
    match = search(doc.texts[i][:LINE_LIMIT].encode("utf-8", "replace").decode())
    if match is None:  # it matched the escape sequences, which extraction does not see
        return found
    groups = {name: text.strip() for name, text in match.groupdict().items() if text}
    return found._replace(
        message=groups.get("message") or found.message,
        file=groups.get("file", found.file),
        line=number(groups.get("line")) if "line" in groups else found.line,
        column=number(groups.get("column")) if "column" in groups else found.column,
        code=groups.get("code", ""),
    )


@cache
def _searcher(pattern: str) -> Any:
    """RE2's search for a pattern: linear, with groups; None where it cannot be had.

    Hyperscan tells which lines match and knows no groups; Python's `re` could run for ever.
    """
    try:
        import re2

        options = re2.Options()
        options.log_errors = False
        return re2.compile(pattern, options).search
    except Exception:  # not installed, or a repetition beyond RE2's limit of 1,000
        return None
