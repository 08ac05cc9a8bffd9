"""The one place where keys of the cache are made.

    {schema}::{operation}::{commit part}::{subject}    what depends on a state of a repository
    {schema}::{operation}::{digest}                    artefacts: what depends on its inputs alone

for example `v1::search::4b825dc6…::9f86d081…` and `v1::parse::e3b0c442…`. The commit part is a full
object name, `{object name}-dirty-{digest}` where tracked files differ from it, or `files-{digest}`
outside git. Subject and digest are SHA-256 over the inputs: each with its type and length before
it, so that no two lists of inputs look the same, and named and sorted, so that their order is
nothing. A key is ASCII, URL-safe and at most 256 characters, and is the same on every platform.

`operations.py` says of each operation what its value depends on, and why. An input that is not
listed there, or is missing, makes no key: a value without a key is computed and not kept, which is
slower and never wrong.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from slipstream.storage.errors import UsageError
from slipstream.tasks.indexing.model import Files, Snapshot
from slipstream.tasks.indexing.operations import OPERATIONS

SCHEMA = "v1"
"""Bump it when the form of keys or of what lies behind them changes: nothing older is read."""
MAX_LENGTH = 256
DIRTY = "-dirty-"
CONTENT = "files-"

Input: TypeAlias = "str | bytes | int | float | bool | Sequence[Input] | Mapping[str, Input] | None"

_OPERATION = re.compile(r"[a-z][a-z0-9-]{0,31}")
_PART = re.compile(r"(?:files-)?[0-9a-f]{32,64}(?:-dirty-[0-9a-f]{32})?")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class KeyNotComputable(Exception):
    """An input of the value is not known, so that it must not be cached."""


class KeyParts(NamedTuple):
    """A key taken apart.

    Attributes:
        schema: Version of the form of keys.
        operation: What computed the value.
        part: The commit part; empty for artefacts.
        subject: Digest of the other inputs.
        commit: Full object name in the commit part; empty: none.
        dirty: Digest of what differs from the commit; empty: nothing.
    """

    schema: str
    operation: str
    part: str
    subject: str
    commit: str
    dirty: str


def artefact(operation: str, inputs: Mapping[str, Input]) -> str:
    """The key of a value that depends on its inputs alone, wherever they are found.

    Raises:
        KeyNotComputable: An input is missing, unknown to `OPERATIONS`, or has no fixed form.
    """
    _check(operation, inputs, of_commit=False)
    return f"{SCHEMA}::{operation}::{digest(inputs)}"


def key(operation: str, part: str, inputs: Mapping[str, Input]) -> str:
    """The key of a value that depends on a state of a repository.

    Args:
        operation: One of `OPERATIONS`.
        part: The commit part, as `Snapshot.part` has it.
        inputs: All other inputs by name.

    Raises:
        KeyNotComputable: As for `artefact`; or the commit part is none.
    """
    _check(operation, inputs, of_commit=True)
    return _key(operation, part, inputs)


def for_path(
    snapshot: Snapshot,
    files: Files,
    path: str | Iterable[str],
    operation: str,
    params: Mapping[str, Input],
) -> str:
    """The key of what `operation` computes from one or several paths of a snapshot.

    Args:
        snapshot: The state of the repository.
        files: Its files.
        path: A file or folder relative to the root, or several of them in any order.
        operation: A name of lower-case letters, digits and hyphens, at most 32.
        params: Its parameters, the version of what computes it among them.

    Raises:
        KeyNotComputable: A path lies outside, or is not of the snapshot: its content is not known.
    """
    if not _OPERATION.fullmatch(operation):
        raise KeyNotComputable(f"{operation!r} is not the name of an operation.")
    subjects = set()
    for each in [path] if isinstance(path, str) else path:
        name = normal_path(each)
        file = locate(each, files)
        if file is None and not _is_folder(name, files):
            raise KeyNotComputable(f"{each!r} is not a file of this snapshot.")
        # The commit part fixes the content already; with it, names that normalise alike stay apart.
        subjects.add((name, files[file] if file is not None else ""))
    return _key(operation, snapshot.part, {"paths": sorted(subjects), "parameters": params})


def locate(path: str, files: Files) -> str | None:
    """The file that a path means: as git has it, which need not be in the form NFC; None: none.

    Raises:
        KeyNotComputable: The path lies outside the root.
    """
    if path in files:
        return path
    wanted = normal_path(path)
    if wanted in files or wanted.isascii():
        return wanted if wanted in files else None
    return next((each for each in files if unicodedata.normalize("NFC", each) == wanted), None)


def digest(inputs: Input) -> str:
    """SHA-256 over values with their types and lengths; mappings by sorted name. 64 hex digits.

    Raises:
        KeyNotComputable: A value is of a type that has no fixed form.
    """
    pieces: list[str] = []
    _encode(inputs, pieces)
    # Names that are not UTF-8 come as lone surrogates, and each has its own bytes this way.
    return hashlib.sha256("".join(pieces).encode("utf-8", "surrogatepass")).hexdigest()


def normal_path(path: str) -> str:
    """A path relative to the root in the form that keys use: `/`, NFC, case kept; empty: the root.

    Raises:
        KeyNotComputable: It is absolute or leads out of the root.
    """
    if not path.isascii():
        path = unicodedata.normalize("NFC", path)
    parts: list[str] = []
    for name in path.split("/"):
        if name == "..":
            if not parts:
                raise KeyNotComputable(f"{path!r} lies outside the repository.")
            parts.pop()
        elif name not in ("", "."):
            parts.append(name)
    if path.startswith("/"):
        raise KeyNotComputable(f"{path!r} is not relative to the repository's root.")
    return "/".join(parts)


def dirty_part(commit: str, changed: Mapping[str, str | None]) -> str:
    """The commit part of a commit with files that differ from it; the commit when none do."""
    return f"{commit}{DIRTY}{digest(changed)[:32]}" if changed else commit


def content_part(files: Mapping[str, str]) -> str:
    """The commit part outside git: the digest of a folder from those of its files."""
    return CONTENT + digest(files)


def parse_key(text: str) -> KeyParts:
    """Take a key apart.

    Raises:
        UsageError: It is not one.
    """
    pieces = text.split("::")
    if len(pieces) in (3, 4) and len(text) <= MAX_LENGTH:
        schema, operation, *part, subject = pieces
        name = part[0] if part else ""
        form = _OPERATION.fullmatch(operation) and _DIGEST.fullmatch(subject)
        if form and re.fullmatch(r"v[0-9]+", schema) and (not part or _PART.fullmatch(name)):
            commit, _, dirty = name.partition(DIRTY)
            if commit.startswith(CONTENT):
                commit = ""
            return KeyParts(schema, operation, name, subject, commit, dirty)
    shown = text if len(text) <= 60 else f"{text[:60]}…"
    raise UsageError(
        f"{shown!r} is not a key of the cache; `slip cache list` shows those that are."
    )


def _check(operation: str, inputs: Mapping[str, Input], of_commit: bool) -> None:
    known = OPERATIONS.get(operation)
    if known is None or known.of_commit != of_commit or inputs.keys() != known.inputs.keys():
        listed = ", ".join(known.inputs) if known else "nothing"
        raise KeyNotComputable(
            f"{operation!r} is given {', '.join(sorted(inputs))}, and its key is made of {listed}."
        )


def _key(operation: str, part: str, inputs: Mapping[str, Input]) -> str:
    if not _PART.fullmatch(part):
        raise KeyNotComputable("The state of the repository is not known.")
    return f"{SCHEMA}::{operation}::{part}::{digest(inputs)}"


def _is_folder(path: str, files: Files) -> bool:
    return path == "" or any(each.startswith(f"{path}/") for each in files)


def _encode(value: Input, pieces: list[str]) -> None:
    if isinstance(value, str):
        pieces.append(f"s{len(value)}:{value}")
    elif value is None or isinstance(value, bool):
        pieces.append(f"{value}.")
    elif isinstance(value, int):
        pieces.append(f"i{value}.")
    elif isinstance(value, float):
        pieces.append(f"f{value!r};")
    elif isinstance(value, bytes):
        pieces.append(f"b{len(value)}:{value.hex()}")
    elif isinstance(value, Mapping):
        pieces.append(f"m{len(value)}:")
        for name in sorted(value):
            if not isinstance(name, str):
                raise KeyNotComputable(f"A parameter is named {name!r}, which is not a text.")
            pieces.append(f"s{len(name)}:{name}")
            _encode(value[name], pieces)
    elif isinstance(value, (list, tuple)):
        pieces.append(f"l{len(value)}:")
        for each in value:
            _encode(each, pieces)
    else:
        raise KeyNotComputable(f"A value of type {type(value).__name__} has no fixed form.")
