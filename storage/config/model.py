"""The settings as a pydantic model, built from the plain ones in `settings.py`. The slow path.

Names, types, defaults and bounds are taken from there; what is added here is what each setting
means, and how its value may be written. Imported only when a file or a variable has changed, and
for `slip config schema`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from slipstream.storage.config import when
from slipstream.storage.config.settings import BOUNDS, DEFAULTS, Config, Pattern, TypeLimits

DESCRIPTIONS = {
    "mode": "Where connections may go: `local-only` (loopback and private addresses), `burst` "
    "(anywhere), `air-gapped` (loopback alone). A repository's file may only close further.",
    "summary": "How large a summary is.",
    "summary.max_bytes": "Largest summary, in bytes of UTF-8.",
    "summary.section_bytes": "Largest section (all errors, all warnings, …) of one tool, in bytes.",
    "summary.item_bytes": "Largest single finding, in bytes.",
    "summary.session_bytes": "All summaries of one session together, in bytes.",
    "summary.max_errors": "Errors that are shown; more are counted. A fatal is always shown.",
    "summary.time_limit_seconds": "How long the extraction of one type may take, in seconds; "
    "past it the default strategy takes over.",
    "summary.redact": "Secrets are blacked out in summaries. A repository's file cannot turn it "
    "off.",
    "summary.profiles": "Largest summary for each `--profile`.",
    "summary.profiles.cli": "Largest summary with `--profile cli`, in bytes.",
    "summary.profiles.llm": "Largest summary with `--profile llm`, in bytes.",
    "summary.types": "Limits of their own for types of output; `slip types` lists the types.",
    "summary.types.*.max_bytes": "As `summary.max_bytes`, for this type.",
    "summary.types.*.section_bytes": "As `summary.section_bytes`, for this type.",
    "summary.types.*.item_bytes": "As `summary.item_bytes`, for this type.",
    "summary.types.*.max_errors": "As `summary.max_errors`, for this type.",
    "retention": "How much of the full logs is kept.",
    "retention.days": "Full logs older than this many days are pruned.",
    "retention.max_bytes": "Oldest logs are pruned when all take more than this, in bytes.",
    "storage": "Where results are kept besides the data folder.",
    "storage.database_url": "PostgreSQL for the results (`postgresql://user@host/db`); empty: a "
    "SQLite file in the data folder.",
    "storage.redis_url": "Redis for events and locks between hosts (`redis://…`); empty: within "
    "the process.",
    "cache": "What is kept of what was computed for a repository.",
    "cache.ttl_days": "An entry that is older than this many days is computed again.",
    "cache.max_bytes": "Least recently used entries go when all take more than this, in bytes.",
    "cache.max_entries": "Least recently used entries go when there are more than this.",
    "cache.memory_bytes": "Decoded values that one process keeps in memory, in bytes.",
    "cache.audit_share": "Share of the hits that are computed again and compared.",
    "cache.git_timeout_ms": "How long git may take to name the state of a repository before "
    "content is digested instead, in milliseconds.",
    "index": "What of a repository is indexed.",
    "index.max_file_bytes": "Larger files are skipped, and counted as skipped, in bytes.",
    "index.workers": "Processes that parse; 0: one for each core.",
    "embeddings": "The server with an OpenAI-compatible API that turns text into vectors for "
    "`slip search`; without a URL and a model, search goes by names and words.",
    "embeddings.base_url": "Such as `http://127.0.0.1:8000/v1`; empty: none.",
    "embeddings.model": "The model's name; `local`: a small one without a server.",
    "embeddings.api_key_variable": "The environment variable that holds the server's key.",
    "embeddings.batch": "Texts in one request.",
    "telemetry": "What is recorded of each operation of the cache; it stays on this machine.",
    "telemetry.sample": "Share of the operations whose latency and size are recorded; counters "
    "are exact whatever it is.",
    "telemetry.minute_days": "How long minutes are kept, in days.",
    "telemetry.hour_days": "How long hours are kept, in days.",
    "telemetry.day_days": "How long days are kept, in days.",
    "bench": "Measuring model servers.",
    "bench.base_url": "The server to measure when a command names none; empty: the simulated one.",
    "bench.model": "The model to measure; empty: the only one that the server lists.",
    "bench.api_key_variable": "The environment variable that holds the server's key.",
    "bench.suite": "The suite that is run when a command names none.",
    "bench.keep_days": "Results older than this many days go; baselines stay.",
    "bench.threshold_percent": "Smallest change of a figure that matters, in percent of the base.",
    "bench.fail_on": "The least severe regression with which a comparison exits with status 3.",
    "server": "Prefect's server, as `slip up` starts it.",
    "server.host": "The address that it listens on. It asks nobody who they are: anything but "
    "loopback opens it to the network, which the mode `air-gapped` refuses.",
    "server.port": "The port of its API and pages; 0: a free one.",
    "schedules": "What `slip up` runs by itself. `when` is `0 3 * * *` (cron), `every 30 minutes` "
    "or `off`; `parameters` are those of the flow.",
    "schedules.timezone": "Of cron expressions, such as `Europe/Berlin`; empty: this machine's.",
    "schedules.repositories": "Folders whose index `warm_cache` keeps warm; in the variable, "
    "separated as in PATH. Without one it does not run.",
    **{
        f"schedules.{name}{key}": text
        for name, about in {
            "run_benchmark": "A benchmark, as `bench` has it where `parameters` says nothing else.",
            "warm_cache": "The index of `repositories`.",
            "maintain_light": "What is too old or too much goes.",
            "maintain_full": "What is kept is checked, too.",
        }.items()
        for key, text in {
            "": about,
            ".when": f"{about} When.",
            ".paused": "Not now: what `slip schedule pause` sets.",
            ".parameters": "Parameters of the flow; in the variable, as JSON.",
        }.items()
    },
    "log": "The program's own log, in the data folder.",
    "log.level": "The least that is logged.",
    "patterns": "Patterns of your own: what makes a line a finding.",
    "patterns.*.name": "What the pattern is called in messages.",
    "patterns.*.regex": "Regular expression without look-around and back-references. Named groups "
    "`message`, `file`, `line`, `column`, `code` fill the finding.",
    "patterns.*.severity": "How bad a match is.",
    "patterns.*.type": "The type of output it belongs to; empty: any.",
    "patterns.*.example": "A line that it must match; checked when the file is read.",
}

# Set by the user alone: a repository that was cloned a minute ago must not redirect results, have
# what belongs to other projects pruned, nor send its own text or a key to a server that it names.
USER_ONLY = (
    *("retention.", "storage.", "cache.", "telemetry.", "embeddings.", "bench."),
    *("server.", "schedules."),
)

# Going on with the default would keep results where nobody looks for them.
REFUSED_IF_WRONG = ("storage.database_url", "storage.redis_url")

WHEN = ".when"

_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(?:i?b)?\s*", re.IGNORECASE)
_SIZE_SCHEMA = r"^\s*[0-9]+(\.[0-9]+)?\s*[kKmMgGtT]?([iI]?[bB])?\s*$"  # the same, for editors
_URLS = {
    "storage.database_url": (re.compile(r"postgresql(\+\w+)?://"), "postgresql://host/db"),
    "storage.redis_url": (re.compile(r"(rediss?|unix)://"), "redis://localhost:6379/0"),
    "embeddings.base_url": (re.compile(r"https?://"), "http://127.0.0.1:8000/v1"),
    "bench.base_url": (re.compile(r"https?://"), "http://127.0.0.1:8000/v1"),
}


@cache
def model() -> type[BaseModel]:
    """The model of all settings."""
    return _model_of(Config, "", DEFAULTS)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a configuration file."""
    return model().model_json_schema() | {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Slipstream configuration",
    }


def _model_of(plain: Any, prefix: str, defaults: Any = None) -> type[BaseModel]:
    """A model with the fields and defaults of a NamedTuple; `where` is ours, not the user's."""
    fields: dict[str, Any] = {}
    for name, hint in get_type_hints(plain).items():
        if name != "where":
            default = getattr(defaults, name, plain._field_defaults.get(name, ...))
            fields[name] = _field(f"{prefix}{name}", hint, default)
    return create_model(plain.__name__, __config__=ConfigDict(extra="forbid"), **fields)


def _field(key: str, hint: Any, default: Any) -> tuple[Any, Any]:
    about = DESCRIPTIONS[key]
    if hasattr(hint, "_fields"):
        nested = _model_of(hint, f"{key}.", default)
        return nested, Field(default_factory=nested, description=about)
    if get_args(hint) == (str, Any):
        checked = Annotated[dict[str, Any], BeforeValidator(_mapping)]
        return checked, Field(default_factory=dict, description=about)
    if get_args(hint) == (str, ...):
        folders = Annotated[list[str], BeforeValidator(_folders)]
        return folders, Field(default_factory=list, description=about)
    if get_origin(hint) is Mapping:
        nested = _model_of(TypeLimits, f"{key}.*.")
        return dict[str, nested], Field(default_factory=dict, description=about)  # type: ignore[valid-type]
    if get_origin(hint) is tuple:
        nested = _model_of(Pattern, f"{key}.*.")
        return list[nested], Field(default_factory=list, description=about)  # type: ignore[valid-type]
    if key in _CHECKS:
        hint = Annotated[hint, BeforeValidator(_CHECKS[key])]
    elif key.endswith(WHEN):
        hint = Annotated[hint, BeforeValidator(_when)]
    elif key in _URLS:
        hint = Annotated[hint, BeforeValidator(_url(key))]
    elif bounds := BOUNDS.get(key.replace(".types.*", "")):
        number = Annotated[hint, Field(ge=bounds[0], le=bounds[1])]
        written: Any = number | Annotated[str, Field(pattern=_SIZE_SCHEMA)]
        hint = Annotated[number, BeforeValidator(_number, written if "bytes" in key else number)]
    return hint, Field(default, description=about)


def _number(value: Any) -> Any:
    """`5 GiB`, `20k` → bytes, in powers of 1,024; what is not written so is passed on."""
    if isinstance(value, bool):  # pydantic would take true for 1
        raise ValueError("it should be a number")
    if isinstance(value, str) and (m := _SIZE.fullmatch(value)) and m[2]:
        return int(float(m[1]) * 1024 ** (" kmgt".index(m[2].lower())))
    return value


def _when(value: Any) -> Any:
    if value is False:  # YAML reads `off` so
        return when.OFF
    when.parse(str(value))
    return str(value)


def _zone(value: Any) -> Any:
    from zoneinfo import ZoneInfo

    if value:
        try:
            ZoneInfo(str(value))
        except (OSError, ValueError, KeyError):
            raise ValueError("there is none of that name; it is like Europe/Berlin") from None
    return value


def _mapping(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _folders(value: Any) -> Any:
    """Folders from a list, or separated as in PATH; they hold wherever a command runs."""
    found = value.split(os.pathsep) if isinstance(value, str) else value
    if not isinstance(found, list):
        return found
    folders = [os.path.expanduser(str(folder)) for folder in found if folder]
    for folder in folders:
        if not os.path.isabs(folder):
            raise ValueError(f"{folder} should be a whole path, from / on")
    return folders


_CHECKS = {"schedules.timezone": _zone}


def _url(key: str) -> Callable[[Any], Any]:
    scheme, example = _URLS[key]

    def check(value: Any) -> Any:
        if value is None or value == "" or (isinstance(value, str) and scheme.match(value)):
            return value or ""
        raise ValueError(f"it should be like {example}")

    return check
