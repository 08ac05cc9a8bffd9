"""The settings, for the commands where milliseconds count.

Nothing set: the defaults, without reading more than whether the files exist. Something set: what
was resolved from the same files and variables before, kept as JSON in the data folder under the
digest of their bytes. Only a change goes the slow way, by pydantic and YAML (0.2 s).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from slipstream.storage import paths
from slipstream.storage.config import sources
from slipstream.storage.config.settings import (
    DEFAULTS,
    Bench,
    CacheLimits,
    Config,
    Embeddings,
    Index,
    Log,
    Pattern,
    Profiles,
    Retention,
    Schedule,
    Schedules,
    Server,
    Storage,
    Summary,
    Telemetry,
    TypeLimits,
)
from slipstream.storage.errors import StorageError

if TYPE_CHECKING:
    from slipstream.storage.config.resolve import PatternCheck

CACHE_VERSION = 3  # to be raised when a setting is added, or its meaning changes
KEPT = 16  # resolved configurations; one per combination of files and variables in use


class Loaded(NamedTuple):
    """The settings, and what was wrong with what was set: sentences for standard error."""

    config: Config
    problems: tuple[str, ...] = ()


def load(folder: str | None = None, check_patterns: PatternCheck | None = None) -> Loaded:
    """The settings for a command that runs in `folder` (default: the current folder).

    Args:
        folder: Where the search for `.slipstream.yaml` starts.
        check_patterns: See `resolve.resolve`; called only when something has changed.

    Raises:
        ConfigError: A value is wrong where no default is safe.
    """
    found = sources.read(folder)
    if not found.files and not found.variables:
        return Loaded(DEFAULTS)
    file = _cache_file(found)
    if file and (kept := _read(file, found)):
        return kept
    from slipstream.storage.config.resolve import resolve

    resolved = resolve(found, check_patterns)
    loaded = Loaded(resolved.config, resolved.problems)
    if file:
        _write(file, loaded, found)
    return loaded


def _cache_file(found: sources.Sources) -> str | None:
    import hashlib
    import json

    described = [CACHE_VERSION, *((f.path, f.text.hex(), f.problem) for f in found.files)]
    digest = hashlib.sha256(json.dumps([described, found.variables]).encode()).hexdigest()
    try:
        folder = paths.make_private(paths.subfolder(paths.CACHE) / "config")
    except StorageError:
        return None
    return str(folder / f"{digest[:32]}.json")


def _read(file: str, found: sources.Sources) -> Loaded | None:
    import json

    try:
        with open(file, encoding="utf-8") as stream:
            config, problems = json.load(stream)
        return Loaded(_from_json(config, dict(found.variables)), tuple(problems))
    except (OSError, ValueError, TypeError, KeyError):  # missing, torn or of another version
        return None


def _from_json(config: dict[str, Any], variables: dict[str, str]) -> Config:
    summary = config["summary"]
    types = {name: TypeLimits(**limits) for name, limits in summary.pop("types").items()}
    profiles = Profiles(**summary.pop("profiles"))
    storage = Storage(**config["storage"])
    return Config(
        mode=config["mode"],
        summary=Summary(**summary, profiles=profiles, types=types),
        retention=Retention(**config["retention"]),
        storage=storage._replace(**_urls(variables)),
        cache=CacheLimits(**config["cache"]),
        index=Index(**config["index"]),
        embeddings=Embeddings(**config["embeddings"]),
        telemetry=Telemetry(**config["telemetry"]),
        bench=Bench(**config["bench"]),
        server=Server(**config["server"]),
        schedules=_schedules(config["schedules"]),
        log=Log(**config["log"]),
        patterns=tuple(Pattern(**pattern) for pattern in config["patterns"]),
    )


def _schedules(found: dict[str, Any]) -> Schedules:
    read = {
        name: Schedule(**value) if isinstance(value, dict) else value
        for name, value in found.items()
    }
    return Schedules(**read | {"repositories": tuple(read["repositories"])})


def _urls(variables: dict[str, str]) -> dict[str, str]:
    """URLs from the environment: they may hold passwords, so that they are not written down."""
    names = {name: f"SLIPSTREAM_STORAGE_{name.upper()}" for name in Storage._fields}
    return {name: variables[v] for name, v in names.items() if variables.get(v, "").strip()}


def _write(file: str, loaded: Loaded, found: sources.Sources) -> None:
    """Keep what was resolved; the rename makes it whole or absent for others who read."""
    import json
    import tempfile

    config = loaded.config
    hidden = config.storage._replace(**dict.fromkeys(_urls(dict(found.variables)), ""))
    text = json.dumps([_to_json(config._replace(storage=hidden)), loaded.problems])
    folder = os.path.dirname(file)
    try:
        handle, temporary = tempfile.mkstemp(dir=folder)  # 0600
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(temporary, file)
        kept = sorted(os.scandir(folder), key=lambda entry: entry.stat().st_mtime)
        for entry in kept[:-KEPT]:
            os.unlink(entry.path)
    except OSError:  # read-only or full: the next start takes the slow way again
        return


def _to_json(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        return {name: _to_json(item) for name, item in value._asdict().items()}
    if isinstance(value, dict):
        return {name: _to_json(item) for name, item in value.items()}
    return [_to_json(item) for item in value] if isinstance(value, tuple) else value
