"""Whether a value that was sent is one that is right, by meaning and not by letter.

An expected value is JSON as it would be sent. An object in it with one key alone that begins with
`$` stands for several values: `{"$any": […]}` for each of these, `{"$optional": […]}` for the same
where the key may be left out, `{"$fits": {…}}` for all that a JSON Schema takes.
"""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from slipstream.tasks.benchmarking.tools import schema as schemas

ANY, OPTIONAL, FITS = "$any", "$optional", "$fits"
FOLDED = re.compile(r"[ ,./\-_*^]")
"""What does not count in folded texts; as BFCL's `standardize_string` has it."""
NUMBER = re.compile(r"-?(0|[1-9]\d{0,400})(\.\d{1,400})?([eE][+-]?\d{1,3})?")
"""A number as JSON writes it, of a size that is worth reading."""


class How(NamedTuple):
    """How one argument is compared.

    Attributes:
        path: `./a` is `a`.
        unordered: The order of its items does not matter; that of items in them does.
        fold: Case and some punctuation do not matter, and `'` is `"`.
        exact: `1.0` is not `1`.
        forms: `"1"` is `1` and `"true"` is `true`: the schema takes it as it was sent.
    """

    path: bool = False
    unordered: bool = False
    fold: bool = False
    exact: bool = False
    forms: bool = False


def same(expected: Any, sent: Any, how: How) -> bool:
    """Whether what was sent is what was expected."""
    kind, inner = _mark(expected)
    if kind == FITS:
        return schemas.fits(inner, sent)
    if kind:
        return any(same(one, sent, how) for one in inner)
    if isinstance(expected, dict):
        return isinstance(sent, dict) and _same_object(
            expected, sent, how._replace(unordered=False)
        )
    if isinstance(expected, list):
        if not isinstance(sent, list) or len(sent) != len(expected):
            return False
        inside = how._replace(unordered=False)
        if how.unordered:
            return _same_set(expected, sent, lambda a, b: same(a, b, inside))
        return all(same(a, b, inside) for a, b in zip(expected, sent, strict=True))
    return _same_scalar(expected, sent, how)


def _same_object(expected: Mapping[str, Any], sent: Mapping[str, Any], how: How) -> bool:
    if any(name not in expected for name in sent):
        return False
    return all(
        same(value, sent[name], how) if name in sent else _mark(value)[0] == OPTIONAL
        for name, value in expected.items()
    )


def _same_set(
    expected: Sequence[Any], sent: Sequence[Any], fits: Callable[[Any, Any], bool]
) -> bool:
    """Whether each has a partner of its own: as alternatives may overlap, by augmenting paths."""
    partner: dict[int, int] = {}  # of what was sent

    def seek(e: int, tried: set[int]) -> bool:
        for s, value in enumerate(sent):
            if s in tried or not fits(expected[e], value):
                continue
            tried.add(s)
            if s not in partner or seek(partner[s], tried):
                partner[s] = e
                return True
        return False

    return all(seek(e, set()) for e in range(len(expected)))


def _same_scalar(expected: Any, sent: Any, how: How) -> bool:
    if isinstance(expected, str) and isinstance(sent, str):
        return _text(expected, how) == _text(sent, how)
    if how.forms and not how.exact and isinstance(expected, str) != isinstance(sent, str):
        text, value = (expected, sent) if isinstance(expected, str) else (sent, expected)
        return _written(text, value)
    if isinstance(expected, bool) or isinstance(sent, bool):
        return expected is sent  # to Python, True is 1
    if isinstance(expected, int | float) and isinstance(sent, int | float):
        return expected == sent and (not how.exact or type(expected) is type(sent))
    return expected is None and sent is None


def _written(text: str, value: Any) -> bool:
    """Whether a text is a Boolean or a number as it would be written."""
    if isinstance(value, bool):
        return text.lower() == str(value).lower()
    if not isinstance(value, int | float) or not NUMBER.fullmatch(text):
        return False
    return (float(text) if set(text) & set(".eE") else int(text)) == value


def _text(text: str, how: How) -> str:
    if how.path and text:
        text = posixpath.normpath(text)
        text = text.removeprefix("/") if text.startswith("//") else text
    if how.fold:
        text = FOLDED.sub("", text).lower().replace("'", '"')
    return text


def _mark(value: Any) -> tuple[str, Any]:
    """The mark of an expected value and what is in it; an empty one for plain values."""
    if isinstance(value, dict) and len(value) == 1:
        ((key, inner),) = value.items()
        if key in (ANY, OPTIONAL, FITS):
            return key, inner
    return "", None


def wrong(value: Any, inside: bool = False) -> str:
    """What is wrong with the marks of an expected value; empty: nothing.

    Args:
        value: Of a case's file.
        inside: Of an object, where keys may be left out.
    """
    kind, inner = _mark(value)
    if kind == FITS:
        if not isinstance(inner, dict):
            return f"{FITS} has to be a JSON Schema"
        return schemas.wrong({"properties": {"value": inner}})
    if kind == OPTIONAL and not inside:
        return f"{OPTIONAL} is for keys of objects; name arguments in `optional`"
    if kind:
        if not isinstance(inner, list) or not inner:
            return f"{kind} has to be a list of values"
        return next((words for one in inner if (words := wrong(one))), "")
    if isinstance(value, dict):
        return next((words for one in value.values() if (words := wrong(one, True))), "")
    if isinstance(value, list):
        return next((words for one in value if (words := wrong(one))), "")
    return ""


def examples(value: Any) -> Iterator[Any]:
    """Values that an expected one stands for: each alternative at least once.

    Those that a schema stands for are not among them.
    """
    for turn in range(_widest(value)):
        try:
            yield _example(value, turn)
        except LookupError:
            return


def _widest(value: Any) -> int:
    kind, inner = _mark(value)
    if kind in (ANY, OPTIONAL):
        return max(len(inner), *(_widest(one) for one in inner))
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max((_widest(one) for one in values), default=1)


def _example(value: Any, turn: int) -> Any:
    kind, inner = _mark(value)
    if kind == FITS:
        raise LookupError
    if kind:
        return _example(inner[turn % len(inner)], turn)
    if isinstance(value, dict):
        return {name: _example(one, turn) for name, one in value.items()}
    if isinstance(value, list):
        return [_example(one, turn) for one in value]
    return value
