"""Reading files of cases: by a shipped name or a path, with the place of whatever is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slipstream.storage.errors import UsageError

OBJECT = re.compile(r"a valid dictionary( or instance of \w+)?")  # in the validator's words
LARGEST = 16 * 1024 * 1024  # bytes of a file
Id: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
Word: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Difficulty: TypeAlias = Literal["easy", "medium", "hard"]
Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """Unknown names are refused; nothing changes once it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def shipped(package: str) -> list[str]:
    """The names of the files that ship in a package."""
    folder = resources.files(package)
    return sorted(f.name.removesuffix(".json") for f in folder.iterdir() if ".json" in f.name)


def text_of(name: str, package: str, others: Sequence[str] = ()) -> str:
    """The text of a shipped file, or of one of the user's own.

    Args:
        name: Of a shipped one, or a path that ends in `.json`.
        package: Where shipped ones are.
        others: What else could have been named, for the sentence.

    Raises:
        UsageError: There is none, or it cannot be read.
    """
    if name in shipped(package):
        return resources.files(package).joinpath(f"{name}.json").read_text(encoding="utf-8")
    path = Path(name)
    if path.suffix != ".json":
        known = ", ".join([*shipped(package), *others])
        raise UsageError(f"There are no cases {name}; there are {known}, and your own files.")
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{name} is too large for a file of cases (over 16 MiB).")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"The cases {name} cannot be read: {reason}.") from error


def parsed(model: type[Model], text: str, where: str) -> Model:
    """A file's text as a model.

    Raises:
        UsageError: It is not valid; the sentence names the place in the file.
    """
    try:
        value = json.loads(text, parse_constant=_no_number)
        return model.model_validate(value)
    except ValidationError as error:
        refuse(where, *_first(value, error))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is not JSON: {error}.") from error


def unique(where: str, ids: Sequence[str]) -> None:
    """See that no two cases have one id.

    Raises:
        UsageError: Two have.
    """
    places: dict[str, int] = {}
    for number, name in enumerate(ids):
        if name in places:
            refuse(where, f"cases[{number}].id", f"{name!r} is the id of cases[{places[name]}] too")
        places[name] = number


def refuse(where: str, place: str, words: str) -> NoReturn:
    """Say what is wrong, and where.

    Raises:
        UsageError: Always.
    """
    # `where` may be "file: cases[3]" already
    joint = "." if where.endswith("]") and place else ": "
    raise UsageError(f"{where}{joint}{place}{': ' if place else ''}{words.rstrip('.')}.")


def _first(value: Any, error: ValidationError) -> tuple[str, str]:
    """Where the first mistake is, and what is wrong there.

    A place that may hold several things is reported once for each; the longest path is that of
    the kind that was meant.
    """
    found = [
        (_place(value, e["loc"], e["type"]), OBJECT.sub("an object", e["msg"]))
        for e in error.errors()
    ]
    first = found[0][0]
    return max((f for f in found if f[0].startswith(first)), key=lambda f: len(f[0]))


def _place(value: Any, loc: Sequence[str | int], kind: str) -> str:
    """A path as it is in the file: what is not there names a branch of the validator's own."""
    place = ""
    for position, part in enumerate(loc):
        if isinstance(part, int):
            place += f"[{part}]"
            value = value[part] if isinstance(value, list) and part < len(value) else None
        elif isinstance(value, dict) and part in value:
            place += f".{part}"
            value = value[part]
        elif kind == "missing" and position == len(loc) - 1:
            place += f".{part}"
    return place.removeprefix(".")


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number that JSON has")
