"""One configuration file: from YAML to settings that know the line they stand on.

The text is composed to nodes rather than loaded, because nodes know their lines.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from slipstream.storage.config.model import model
from slipstream.storage.config.settings import Pattern
from slipstream.storage.config.sources import Source


class Setting(NamedTuple):
    """One value as somebody set it.

    Attributes:
        key: Dotted name, such as `summary.max_bytes`.
        value: As YAML or the environment gave it, not yet validated.
        where: `file:line`, or the name of a variable.
        trusted: Set by the user; False for a repository's file.
    """

    key: str
    value: Any
    where: str
    trusted: bool = True


class FileSettings(NamedTuple):
    """What one file holds; a problem is a sentence that starts with its place."""

    settings: tuple[Setting, ...]
    patterns: tuple[Pattern, ...]
    problems: tuple[str, ...]


def parse(source: Source) -> FileSettings:
    """Read one file; what cannot be understood becomes a problem, and the rest is returned."""
    if source.problem:
        return FileSettings((), (), (f"{source.path} {source.problem}; it is ignored.",))
    reader = _Reader(source)
    try:
        loader = yaml.SafeLoader(source.text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        problem = f"{source.path}{line}: not valid YAML ({error.problem}); the file is ignored."
        return FileSettings((), (), (problem,))
    except (yaml.YAMLError, UnicodeError, RecursionError, ValueError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        reason = reason.splitlines()[0]
        problem = f"{source.path}: not valid YAML ({reason}); the file is ignored."
        return FileSettings((), (), (problem,))
    reader.loader = loader
    if node is not None and not _empty(node):
        reader.section(node, model(), "")
    return FileSettings(tuple(reader.settings), tuple(reader.patterns), tuple(reader.problems))


def keys(of: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The dotted names of all settings with one value; those below a map or list are left out."""
    for name, field in of.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{prefix}{name}.")
        elif not _holds_models(field.annotation):
            yield f"{prefix}{name}"


def _holds_models(hint: Any) -> bool:
    """Whether it is a list or a map whose entries have fields of their own."""
    return any(isinstance(arg, type) and issubclass(arg, BaseModel) for arg in get_args(hint))


def suggestion(name: str, right: list[str]) -> str:
    """` (did you mean x?)` when a right name is near, else nothing."""
    near = difflib.get_close_matches(name, right, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


class _Reader:
    """Walks the nodes of one file along the model, and collects."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.loader: yaml.SafeLoader
        self.settings: list[Setting] = []
        self.patterns: list[Pattern] = []
        self.problems: list[str] = []

    def section(self, node: yaml.Node, of: type[BaseModel], prefix: str) -> None:
        """Read a mapping whose keys are the fields of a model."""
        for name, value, where in self.entries(node, prefix):
            key = f"{prefix}{name}"
            field = of.model_fields.get(name)
            if field is None:
                self.problems.append(f"{where}: unknown setting {key}{self.nearest(name, of, key)}")
                continue
            hint = field.annotation
            if _empty(value):
                continue
            if isinstance(hint, type) and issubclass(hint, BaseModel):
                self.section(value, hint, f"{key}.")
            elif not _holds_models(hint):
                self.settings.append(
                    Setting(key, self.construct(value), where, self.source.trusted)
                )
            elif get_origin(hint) is dict:
                for entry, below, _ in self.entries(value, key):
                    self.section(below, get_args(hint)[1], f"{key}.{entry}.")
            else:
                self.list_of_patterns(value, get_args(hint)[0], where)

    def entries(self, node: yaml.Node, prefix: str) -> Iterator[tuple[str, yaml.Node, str]]:
        """Name, value and place of each entry of a mapping; a name that comes again is told."""
        if not isinstance(node, yaml.MappingNode):
            name = prefix.rstrip(".") or "the file"
            self.problems.append(f"{self.place(node)}: {name} should hold `name: value` lines")
            return
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            if name in seen:
                self.problems.append(f"{self.place(key)}: {name} is set twice; this one is used")
            seen.add(name)
            yield name, value, self.place(key)

    def list_of_patterns(self, node: yaml.Node, of: type[BaseModel], where: str) -> None:
        """Read `patterns`."""
        if not isinstance(node, yaml.SequenceNode):
            self.problems.append(f"{where}: patterns should be a list (`- name: …`)")
            return
        for item in node.value:
            fields: dict[str, Any] = {}
            places: dict[str, str] = {}
            before = len(self.problems)
            for name, value, place in self.entries(item, "a pattern"):
                places[name] = self.place(value) if name == "regex" else place
                if name not in of.model_fields:
                    near = suggestion(name, list(of.model_fields))
                    self.problems.append(f"{place}: unknown field {name} of a pattern{near}")
                elif not _empty(value):
                    fields[name] = self.construct(value)
            if not fields and len(self.problems) > before:
                continue
            try:
                checked = of.model_validate(fields).model_dump()
            except ValidationError as error:
                first = error.errors(include_input=False, include_url=False)[0]
                name = str(first["loc"][0])
                place = places.get(name, self.place(item))
                reason = "is missing" if first["type"] == "missing" else first["msg"].lower()
                self.problems.append(f"{place}: {name} of a pattern: {reason}; it is left out")
                continue
            self.patterns.append(Pattern(**checked, where=places["regex"]))

    def construct(self, node: yaml.Node) -> Any:
        """The Python value of a node; text where it cannot be made."""
        try:
            return self.loader.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
            return str(node.value)

    def nearest(self, name: str, of: type[BaseModel], key: str) -> str:
        """A right name near a wrong one: beside it, else anywhere."""
        prefix = key.removesuffix(name)
        if near := difflib.get_close_matches(name, list(of.model_fields), n=1):
            return f" (did you mean {prefix}{near[0]}?)"
        leaves = {k.rpartition(".")[2]: k for k in reversed(list(keys(model())))}
        if near := difflib.get_close_matches(name, list(leaves), n=1):
            return f" (did you mean {leaves[near[0]]}?)"
        return suggestion(key, list(keys(model())))

    def place(self, node: yaml.Node) -> str:
        return f"{self.source.path}:{node.start_mark.line + 1}"


def _empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"
