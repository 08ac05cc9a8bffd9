"""Slipstream's own log: one JSON object a line, in the data folder, for its owner alone.

A line is one `write` to a file opened for appending, so that several processes can log at once.
The standard library's logging is not used: importing it costs 8 ms, and its rotation loses lines
when two processes rotate together.

    {"at":"2026-01-31T12:00:00.123Z","level":"info","trace":"8f…","pid":7,"event":"summary.made",…}

Fields are names, numbers and short texts: never a secret, never what a tool printed.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TypeAlias

from slipstream.storage import paths
from slipstream.storage.errors import SlipError, StorageError

FILE = "slip.log"
MAX_BYTES = 1024 * 1024
KEPT = 3  # older files: slip.log.1 is the newest of them
MAX_TEXT = 300  # characters of a field
LEVELS = ("debug", "info", "warning", "error")
TRACE_VARIABLE = "SLIPSTREAM_TRACE_ID"
SECRET_NAMES = ("token", "secret", "password", "passwd", "authorization", "api_key", "apikey")

Field: TypeAlias = str | int | float | bool | None

_to_file: int | None = None  # None: as `log.level` says, which is read when something is logged
_to_stderr = len(LEVELS)


def configure(*, verbose: bool = False, debug: bool = False) -> None:
    """Say what is logged beyond the file.

    Args:
        verbose: Show what is logged from `info` up on standard error as well.
        debug: Log everything, and show it.
    """
    global _to_file, _to_stderr
    _to_file = 0 if debug else None
    _to_stderr = 0 if debug else LEVELS.index("info") if verbose else len(LEVELS)


def trace_id() -> str:
    """The id that all processes of one command share, made by the first of them.

    It is put into the environment, so that commands which this one starts log under it too.
    """
    given = os.environ.get(TRACE_VARIABLE, "")
    if 8 <= len(given) <= 64 and given.isascii() and given.replace("-", "").isalnum():
        return given
    made = os.urandom(16).hex()
    os.environ[TRACE_VARIABLE] = made
    return made


def debug(event: str, **fields: Field) -> None:
    """Log what helps to find a mistake in Slipstream itself."""
    _log(0, event, fields)


def info(event: str, **fields: Field) -> None:
    """Log what was done."""
    _log(1, event, fields)


def warning(event: str, **fields: Field) -> None:
    """Log what went wrong without failing the command."""
    _log(2, event, fields)


def error(event: str, **fields: Field) -> None:
    """Log what failed the command."""
    _log(3, event, fields)


def _log(level: int, event: str, fields: dict[str, Field]) -> None:
    global _to_file
    if _to_file is None:
        _to_file = LEVELS.index(_configured_level())
    if level < min(_to_file, _to_stderr):
        return
    cleaned = {name: _clean(name, value) for name, value in fields.items()}
    if level >= _to_stderr:
        shown = " ".join(f"{name}={value}" for name, value in cleaned.items())
        print(f"slip: {time.strftime('%H:%M:%S')} {LEVELS[level]} {event} {shown}", file=sys.stderr)
    if level >= _to_file:
        _write(level, event, cleaned)


def _configured_level() -> str:
    from slipstream.storage.config.load import load

    try:
        return load().config.log.level
    except SlipError:
        return "info"


def _clean(name: str, value: Field) -> Field:
    if not isinstance(value, str):
        return value
    if any(secret in name.lower() for secret in SECRET_NAMES):
        return "[hidden]"
    import re

    value = re.sub(r"(\w+://)[^/\s@]+@", r"\1[hidden]@", value)
    names = "|".join(SECRET_NAMES)
    value = re.sub(rf"(?i)((?:{names})\w*[\"']?\s*[=:]\s*)\S+", r"\1[hidden]", value)
    return value if len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]}… ({len(value)} characters)"


def _write(level: int, event: str, fields: dict[str, Field]) -> None:
    import json

    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    record = {
        "at": f"{stamp}.{int(now % 1 * 1000):03}Z",
        "level": LEVELS[level],
        "trace": trace_id(),
        "pid": os.getpid(),
        "event": event,
        **fields,
    }
    line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
    try:
        path = str(paths.subfolder(paths.PROGRAM_LOG) / FILE)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, line)
            full = os.fstat(handle).st_size >= MAX_BYTES
        finally:
            os.close(handle)
        if full:
            _rotate(path)
    except (OSError, StorageError) as problem:  # a log that fails must not fail the command
        if _to_stderr < len(LEVELS):
            print(f"slip: the program's log cannot be written ({problem})", file=sys.stderr)


def _rotate(path: str) -> None:
    """Rename the full file; what others still write into it stays in it."""
    from pathlib import Path

    from slipstream.storage.lock import locked

    with locked(Path(f"{path}.lock")):
        if os.stat(path).st_size < MAX_BYTES:
            return  # another process was first
        for number in range(KEPT, 0, -1):
            older = path if number == 1 else f"{path}.{number - 1}"
            if os.path.exists(older):
                os.replace(older, f"{path}.{number}")
