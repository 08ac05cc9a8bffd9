"""All rules of the one scan, and the compiled scan itself, kept in the data folder.

Importing every family of rules and compiling their patterns takes tenths of a second, so the
result is kept in a file: what each rule is called, which function extracts it (imported when it
first matches) and the compiled patterns. The file's name is a digest of all that it was made from,
so that a changed rule, plugin, pattern or engine never reads an old one. It holds no code, and
what does not have its checksum is made again.
"""

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from xxhash import xxh3_128_digest

from slipstream.tasks.summarization import engine
from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.model import Extracted, Rule, Severity

_FOLDER = Path(__file__).parent / "extract"
_NOT_FAMILIES = {"__init__", "common", "driver", "blocks"}
KEPT = 3
"""Compiled rules of other versions or patterns that stay beside the newest."""
_MAGIC = b"slipstream rules 1\n"


class Ruleset(NamedTuple):
    """Rules in the order of the engine's pattern indices."""

    rules: tuple[Rule, ...]
    engine: engine.Engine
    problems: tuple[str, ...] = ()
    """Plugins and patterns that could not be used, a sentence each."""


def families() -> list[str]:
    """Names of the modules in `extract/`; those without RULES are helpers of the others."""
    names = (name[:-3] for name in os.listdir(_FOLDER) if name.endswith(".py"))
    return sorted(name for name in names if name not in _NOT_FAMILIES)


def builtin_rules() -> tuple[Rule, ...]:
    """The rules of every family; imports all of them."""
    package = "slipstream.tasks.summarization.extract"
    modules = [import_module(f"{package}.{name}") for name in families()]
    return tuple(rule for module in modules for rule in getattr(module, "RULES", ()))


def ruleset(
    cache: Path | None,
    patterns: Sequence[Any] = (),
    before_compiling: Callable[[], object] | None = None,
) -> Ruleset:
    """The rules of the families, the plugins and the user's patterns, compiled.

    Args:
        cache: Folder for the compiled rules; None compiles them anew.
        patterns: The user's patterns from the configuration.
        before_compiling: Called when the rules have to be compiled, which takes a second or two.
    """
    file = cache / f"{_key(patterns)}.rules" if cache else None
    if file:
        try:
            return _unpack(file.read_bytes())
        except (OSError, ValueError, KeyError):
            pass
    if before_compiling:
        before_compiling()
    from slipstream.tasks.summarization import plugins

    extra, problems = plugins.load(patterns)
    rules = (*builtin_rules(), *extra)
    compiled = engine.compile_patterns(_patterns(rules))
    result = Ruleset(rules, compiled, tuple(problems))
    if file:
        _store(file, _pack(result))
    return result


def _key(patterns: Sequence[Any]) -> str:
    """Digest of everything that the compiled rules are made from."""
    from slipstream.tasks.summarization import plugins

    parts: list[Any] = [sys.version_info[:3], sys.platform]
    folders = (_FOLDER, Path(__file__).parent)
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    stat = entry.stat()
                    parts.append((entry.path, stat.st_size, stat.st_mtime_ns))
    parts.sort(key=repr)
    parts.append(plugins.fingerprint())
    parts.append(list(patterns))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


class Lazy:
    """An extractor that is imported when it is first called."""

    __slots__ = ("_function", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self._function: Any = None

    def __call__(self, doc: Document, i: int, rule: Rule) -> Extracted:
        """What the extractor reads."""
        if self._function is None:
            module, _, name = self.path.partition(":")
            self._function = getattr(import_module(module), name)
        result: Extracted = self._function(doc, i, rule)
        return result


def _pack(rules: Ruleset) -> bytes:
    rows = [
        [r.name, r.pattern, r.tool, r.kind, r.severity, _path(r), r.weight, r.caseless]
        for r in rules.rules
    ]
    text = json.dumps([rows, rules.problems]).encode()
    body = len(text).to_bytes(8, "big") + text + rules.engine.dump()
    return _MAGIC + xxh3_128_digest(body) + body


def _path(rule: Rule) -> str:
    function: Any = rule.extract
    if function is None:
        return ""
    if "<locals>" in function.__qualname__:
        raise ValueError(f"the extractor of {rule.name} is not a module-level function")
    return f"{function.__module__}:{function.__qualname__}"


def _unpack(data: bytes) -> Ruleset:
    start = len(_MAGIC) + 16
    body = data[start:]
    if data[: len(_MAGIC)] != _MAGIC or data[len(_MAGIC) : start] != xxh3_128_digest(body):
        raise ValueError("not a rules file, or damaged")
    size = int.from_bytes(body[:8], "big")
    rows, problems = json.loads(body[8 : 8 + size])
    severities = list(Severity)
    rules = tuple(
        Rule(name, pattern, tool, kind, None if severity is None else severities[severity],
             Lazy(path) if path else None, weight, caseless)
        for name, pattern, tool, kind, severity, path, weight, caseless in rows
    )  # fmt: skip
    return Ruleset(rules, engine.load(body[8 + size :], lambda: _patterns(rules)), tuple(problems))


def _patterns(rules: Sequence[Rule]) -> list[engine.Pattern]:
    return [engine.Pattern(plain(rule.pattern), rule.caseless) for rule in rules]


def plain(pattern: str) -> str:
    """The pattern without what allows for colours: the scan sees no escape sequences.

    Each of these repetitions would keep an automaton busy for every byte of every log.
    """
    import re

    pattern = re.sub(r"\(\?:\\x1b\\\[\[0-9;\]\*(?:m|\[mK\])\)[*+?]?", "", pattern)
    return re.sub(r"\|\\x1b\\\[\[0-9;\]\*(?:m|\[mK\])(?=[|)])", "", pattern)


def _store(file: Path, data: bytes) -> None:
    """Write atomically; a full disk or a read-only folder only costs time at the next start."""
    temporary = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as out:
            out.write(data)
        others = sorted(file.parent.glob("*.rules"), key=lambda old: old.stat().st_mtime_ns)
        for old in others[:-KEPT]:
            old.unlink(missing_ok=True)
        os.replace(temporary, file)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
