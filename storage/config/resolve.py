"""From what is set to what holds, with each value's place and all that is wrong: the slow path.

    default < the user's file < the repository's file < environment

A value that is wrong is named with its place, and the one before it goes on holding.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from slipstream.storage.config.model import REFUSED_IF_WRONG, USER_ONLY, WHEN, model
from slipstream.storage.config.settings import (
    DEFAULTS,
    MODES,
    PATTERN_GROUPS,
    PREFIX,
    Config,
    Pattern,
    TypeLimits,
)
from slipstream.storage.config.sources import Sources
from slipstream.storage.config.when import OFF
from slipstream.storage.config.yaml_file import Setting, keys, parse, suggestion
from slipstream.storage.errors import ConfigError

DEFAULT = "default"  # where a value comes from that nobody set

PatternCheck = Callable[[Sequence[Pattern]], Sequence[str | None]]
"""Says for each pattern why the scan engine cannot take it, or None."""


class Resolved(NamedTuple):
    """What holds.

    Attributes:
        config: The settings.
        provenance: Where each value that is not a default comes from, by dotted key.
        problems: What is wrong with what was set: one sentence each, with its place.
    """

    config: Config
    provenance: dict[str, str]
    problems: tuple[str, ...]


def resolve(sources: Sources, check_patterns: PatternCheck | None = None) -> Resolved:
    """Resolve what is set.

    Args:
        sources: What `sources.read` found.
        check_patterns: What the scan engine says of the user's patterns; without it, they are
            only compiled.

    Raises:
        ConfigError: A value is wrong where going on without it would keep results elsewhere
            than was meant.
    """
    files = [parse(source) for source in sources.files]
    variables, problems = _from_variables(sources.variables)
    problems = [problem for file in files for problem in file.problems] + problems
    values: dict[str, Any] = {}
    provenance: dict[str, str] = {}
    for setting in [s for file in files for s in file.settings] + variables:
        value, problem = _validated(setting, values)
        if problem:
            problems.append(f"{setting.where}: {problem}")
        if value is not None:
            values[setting.key] = value
            provenance[setting.key] = setting.where
    patterns, refused = _usable([p for file in files for p in file.patterns], check_patterns)
    if patterns:
        provenance["patterns"] = ", ".join(p.where for p in patterns)
    return Resolved(_config(values, patterns), provenance, (*problems, *refused))


def variable_of(key: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + key.replace(".", "_").upper()


def _from_variables(variables: Sequence[tuple[str, str]]) -> tuple[list[Setting], list[str]]:
    known = {variable_of(key): key for key in keys(model())}
    settings = [Setting(known[n], v, n) for n, v in variables if n in known and v.strip()]
    problems = [
        f"{name}: no such setting{suggestion(name, list(known))}; it is ignored"
        for name, _ in variables
        if name not in known
    ]
    return settings, problems


def _validated(setting: Setting, before: dict[str, Any]) -> tuple[Any, str]:
    """The value to use, or None to leave what was; and what is wrong with what was set."""
    key = setting.key
    if not setting.trusted and key.startswith(USER_ONLY):
        return None, f"{key} can be set in your own file only; it is ignored here"
    try:
        value = _adapter(key).validate_python(setting.value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        limit = first.get("ctx", {}).get("ge", first.get("ctx", {}).get("le"))
        reason = first["msg"].removeprefix("Value error, ").replace("Input should", "it should")
        if key in REFUSED_IF_WRONG:
            raise ConfigError(f"{setting.where}: {key} cannot be used: {reason}.") from None
        if limit is not None:
            return limit, f"{key} is {setting.value}, but {reason}; {limit:,} is used"
        if key == "mode":  # a slip of the pen must not open what was to be closed
            return MODES[0], f"mode: {reason}; {MODES[0]} is used"
        if key.endswith(WHEN):  # nothing is to start at a time that nobody chose
            return OFF, f"{key}: {reason}; {OFF} is used"
        kept = before.get(key, _default(key))
        return None, f"{key}: {reason}; {_shown(kept)} is used"
    if not setting.trusted and (problem := _loosens(key, value, before)):
        return None, problem
    return value, ""


def _loosens(key: str, value: Any, before: dict[str, Any]) -> str:
    """Why a repository may not set this: it would take away what protects the user."""
    if key == "summary.redact" and not value:
        return "a repository's file cannot turn redaction off; set it in your own"
    if key == "mode":
        now = before.get("mode", DEFAULTS.mode)
        if MODES.index(value) > MODES.index(now):
            return f"a repository's file cannot open the mode from {now} to {value}"
    return ""


def _adapter(key: str) -> TypeAdapter[Any]:
    of: Any = model()
    section, _, leaf = key.rpartition(".")
    if section.startswith("summary.types."):
        of = model().model_fields["summary"].annotation
        of = of.model_fields["types"].annotation.__args__[1]
    else:
        for name in section.split(".") if section else ():
            of = of.model_fields[name].annotation
    field = of.model_fields[leaf]
    annotated: Any = Annotated[(field.annotation, *field.metadata, None)]  # None: one at least
    return TypeAdapter(annotated)


def _usable(
    patterns: Sequence[Pattern], check: PatternCheck | None
) -> tuple[tuple[Pattern, ...], list[str]]:
    """The patterns that work, the last of each name; and why the others do not."""
    compiled: list[Pattern] = []
    problems: list[str] = []
    for pattern in {p.name: p for p in patterns}.values():
        try:
            expression = re.compile(pattern.regex)
        except (re.error, OverflowError, RecursionError) as error:
            problems.append(f"{pattern.where}: pattern {pattern.name}: {error}; it is left out")
            continue
        for group in expression.groupindex:
            if group not in PATTERN_GROUPS:
                near = suggestion(group, list(PATTERN_GROUPS))
                problems.append(
                    f"{pattern.where}: pattern {pattern.name}: group {group} has no meaning{near}"
                )
        compiled.append(pattern)
    refusals = check(compiled) if check and compiled else [None] * len(compiled)
    usable = []
    for pattern, refusal in zip(compiled, refusals, strict=True):
        if refusal is None and pattern.example and not re.search(pattern.regex, pattern.example):
            refusal = "it does not match its example"
        if refusal is None:
            usable.append(pattern)
        else:
            problems.append(f"{pattern.where}: pattern {pattern.name}: {refusal}; it is left out")
    return tuple(usable), problems


def _default(key: str) -> Any:
    value: Any = DEFAULTS
    for name in key.split("."):
        value = value.get(name, TypeLimits()) if isinstance(value, dict) else getattr(value, name)
    return value


def _shown(value: Any) -> str:
    if value is None:
        return "what holds for all types"
    return str(value).lower() if isinstance(value, bool) else f"{value}"


def _config(values: dict[str, Any], patterns: tuple[Pattern, ...]) -> Config:
    """The settings with some values other than the default."""
    types: dict[str, TypeLimits] = {}
    config = DEFAULTS._replace(patterns=patterns)
    for key, value in values.items():
        section, _, leaf = key.rpartition(".")
        if section.startswith("summary.types."):
            name = section.removeprefix("summary.types.")
            types[name] = types.get(name, TypeLimits())._replace(**{leaf: value})
        else:
            config = _with(config, key.split("."), value)
    return config._replace(summary=config.summary._replace(types=types))


def _with(part: Any, names: list[str], value: Any) -> Any:
    if isinstance(value, list):
        value = tuple(value)
    if len(names) > 1:
        value = _with(getattr(part, names[0]), names[1:], value)
    return part._replace(**{names[0]: value})


def flatten(config: Config) -> dict[str, Any]:
    """Every setting by its dotted name; patterns as a list of their fields."""
    flat: dict[str, Any] = {}
    for key in keys(model()):
        value: Any = config
        for name in key.split("."):
            value = getattr(value, name)
        flat[key] = value
    for name, limits in config.summary.types.items():
        for leaf, value in limits._asdict().items():
            if value is not None:
                flat[f"summary.types.{name}.{leaf}"] = value
    flat["patterns"] = [pattern._asdict() for pattern in config.patterns]
    return flat
