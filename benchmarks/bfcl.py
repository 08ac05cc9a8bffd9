"""How often our verdict on tool calls is that of BFCL's own checker, on the same calls.

For every case of BFCL that has one, its right answer is taken, and changed in each of the ways of
`CHANGES`, drawn by seed. Both judge the result: ours as any other answer, BFCL's checker as it
would judge a model with OpenAI's names of functions. Needs `pip install --no-deps bfcl-eval`.

    python benchmarks/bfcl.py [--share 0.1] [--differences]
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import sys
import types
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from slipstream.tasks.benchmarking.tools import bfcl
from slipstream.tasks.benchmarking.tools.judge import judge
from slipstream.tasks.benchmarking.tools.model import Call, Case, Extraction, Verdict

SEED = 5
Calls = list[dict[str, dict[str, Any]]]
"""As BFCL has them: each a name with its arguments."""


class Compared(NamedTuple):
    """One answer under two judges.

    Attributes:
        category: BFCL's.
        change: What was done to the right answer.
        case: What was asked.
        calls: What was judged.
        ours: Our verdict.
        right: BFCL's.
        why: Its words; empty: it is right.
    """

    category: str
    change: str
    case: Case
    calls: Calls
    ours: Verdict
    right: bool
    why: str

    @property
    def agreed(self) -> bool:
        """Whether both say the same."""
        return self.ours.right == self.right


def checker() -> Callable[[bfcl.Entry, Calls, str], tuple[bool, str]]:
    """BFCL's own checker.

    It wants one thing of a module that imports every vendor's client: whether the names of a
    model's functions have underscores for dots. A module that says just that stands in for it.
    """
    stand_in = types.ModuleType("bfcl_eval.constants.model_config")
    openai = types.SimpleNamespace(underscore_to_dot=True)
    stand_in.MODEL_CONFIG_MAPPING = {"openai": openai}  # type: ignore[attr-defined]
    sys.modules.setdefault(stand_in.__name__, stand_in)
    from bfcl_eval.constants.enums import Language
    from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker

    def check(entry: bfcl.Entry, calls: Calls, category: str) -> tuple[bool, str]:
        if "relevance" in category:
            right = bool(calls) != ("irrelevance" in category)
            return right, "" if right else "relevance"
        try:
            found = ast_checker(
                entry.functions, calls, entry.truth, Language.PYTHON, category, "openai"
            )
        except Exception as error:  # it breaks on some answers
            return False, f"checker broke: {error!r}"
        return found["valid"], "" if found["valid"] else str(found["error_type"])

    return check


def right_answer(entry: bfcl.Entry, draw: random.Random | None) -> Calls:
    """A right answer by the ground truth: the first of all values, or some."""
    calls: Calls = []
    required = {bfcl.name_of(f["name"]): f["parameters"]["required"] for f in entry.functions}
    for call in entry.truth or ():
        ((function, arguments),) = call.items()
        name = bfcl.name_of(function)
        given = {}
        for argument, values in arguments.items():
            real = [value for value in values if value != bfcl.LEFT_OUT]
            if not real or (draw and len(real) < len(values) and draw.random() < 0.5):
                if argument not in required[name]:
                    continue
                real = real or values
            if real:  # one case has none
                given[argument] = _plain(draw.choice(real) if draw else real[0], draw)
        calls.append({name: given})
    return calls


def _plain(value: Any, draw: random.Random | None) -> Any:
    if isinstance(value, list):
        return [_plain(one, draw) for one in value]
    if isinstance(value, dict):
        found = {}
        for key, values in value.items():
            real = values if isinstance(values, list) else [values]
            if real := [one for one in real if one != bfcl.LEFT_OUT]:
                found[key] = _plain(draw.choice(real) if draw else real[0], draw)
        return found
    return value


Change = Callable[[Calls, bfcl.Entry, random.Random], Calls | None]
"""Changes calls, which are its own copy; None: it does not apply."""


def _of_argument(
    change: Callable[[Any, random.Random], Any], kinds: type | tuple[type, ...]
) -> Change:
    """A change of one argument's value, of those of some types."""

    def changed(calls: Calls, entry: bfcl.Entry, draw: random.Random) -> Calls | None:
        places = [
            (arguments, name)
            for call in calls
            for arguments in call.values()
            for name, value in arguments.items()
            if isinstance(value, kinds)
            and not (isinstance(value, bool) and bool not in _all(kinds))
        ]
        if not places:
            return None
        arguments, name = draw.choice(places)
        arguments[name] = change(arguments[name], draw)
        return calls

    return changed


def _all(kinds: type | tuple[type, ...]) -> tuple[type, ...]:
    return kinds if isinstance(kinds, tuple) else (kinds,)


def _first(calls: Calls) -> dict[str, Any]:
    return next(iter(calls[0].values()))


def _renamed(calls: Calls, entry: bfcl.Entry, draw: random.Random) -> Calls:
    return [{f"{name}_x": arguments for name, arguments in calls[0].items()}, *calls[1:]]


def _other_tool(calls: Calls, entry: bfcl.Entry, draw: random.Random) -> Calls | None:
    used = {name for call in calls for name in call}
    others = [n for f in entry.functions if (n := bfcl.name_of(f["name"])) not in used]
    return [{draw.choice(others): _first(calls)}, *calls[1:]] if others else None


def _without_argument(calls: Calls, entry: bfcl.Entry, draw: random.Random) -> Calls | None:
    arguments = next(iter(draw.choice(calls).values()))
    if not arguments:
        return None
    del arguments[draw.choice(list(arguments))]
    return calls


def _more_arguments(calls: Calls, entry: bfcl.Entry, draw: random.Random) -> Calls:
    _first(calls)["colour_x"] = "red"
    return calls


def _shuffled(calls: Calls, entry: bfcl.Entry, draw: random.Random) -> Calls | None:
    return calls[::-1] if len(calls) > 1 else None


def _swapped(calls: Calls, entry: bfcl.Entry, draw: random.Random) -> Calls | None:
    """The values of one argument in two calls of a tool."""
    for a, b in pairwise(calls):
        for name in a.keys() & b.keys():
            both = sorted(a[name].keys() & b[name].keys())
            if both:
                key = draw.choice(both)
                a[name][key], b[name][key] = b[name][key], a[name][key]
                return calls
    return None


def _inner(calls: Calls, entry: bfcl.Entry, draw: random.Random) -> Calls | None:
    """A value in an object."""
    for call in calls:
        for arguments in call.values():
            for value in arguments.values():
                if isinstance(value, dict) and value:
                    key = draw.choice(sorted(value))
                    value[key] = _other(value[key], draw)
                    return calls
    return None


def _other(value: Any, draw: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 7
    if isinstance(value, str):
        return f"{value}zq"
    if isinstance(value, list):
        return [*value, "zq"]
    return {**value, "zq": 1} if isinstance(value, dict) else "zq"


def _as_text(value: Any, draw: random.Random) -> Any:
    return str(value).lower() if isinstance(value, bool) else json.dumps(value)


def _other_number(value: Any, draw: random.Random) -> Any:
    if isinstance(value, list):
        return [_other_number(one, draw) for one in value]
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


CHANGES: dict[str, Change] = {
    "right": lambda calls, entry, draw: calls,
    "another right": lambda calls, entry, draw: right_answer(entry, draw),
    "no call": lambda calls, entry, draw: [],
    "tool renamed": _renamed,
    "another tool": _other_tool,
    "last call missing": lambda calls, entry, draw: calls[:-1] if len(calls) > 1 else None,
    "call twice": lambda calls, entry, draw: [*calls, calls[-1]],
    "calls in another order": _shuffled,
    "values swapped between calls": _swapped,
    "argument missing": _without_argument,
    "argument too much": _more_arguments,
    "another value": _of_argument(_other, (str, int, float, bool, list, dict)),
    "another value in an object": _inner,
    "text in capitals": _of_argument(lambda v, d: v.upper(), str),
    "text with other punctuation": _of_argument(lambda v, d: v.replace(" ", "-") + ".", str),
    "text with an exclamation mark": _of_argument(lambda v, d: v + "!", str),
    "empty text": _of_argument(lambda v, d: "", str),
    "items reversed": _of_argument(lambda v, d: v[::-1], list),
    "empty list": _of_argument(lambda v, d: [], list),
    "value as text": _of_argument(_as_text, (int, float, bool, list)),
    "number in another form": _of_argument(_other_number, (int, float, list)),
    "Boolean as number": _of_argument(lambda v, d: int(v), bool),
    "null": _of_argument(lambda v, d: None, (str, int, float, bool, list, dict)),
}
"""Ways to change a right answer; some leave it right."""


def compared(share: float = 1.0) -> Iterator[Compared]:
    """Each case under each change that applies, by both judges.

    Args:
        share: Of the cases, drawn by seed.
    """
    check = checker()
    for category in bfcl.categories():
        draw = random.Random(f"{SEED} {category}")
        for entry, case in zip(bfcl.entries(category), bfcl.load(category), strict=True):
            if draw.random() >= share:
                continue
            for name, calls in _answers(entry, draw):
                sent = (Call(n, a, json.dumps(a)) for call in calls for n, a in call.items())
                ours = judge(case, Extraction(tuple(sent)))
                right, why = check(entry, copy.deepcopy(calls), category)
                yield Compared(category, name, case, calls, ours, right, why)


def _answers(entry: bfcl.Entry, draw: random.Random) -> Iterator[tuple[str, Calls]]:
    if entry.truth is None:  # whether there is a call is all that counts
        yield "no call", []
        yield "right", [{bfcl.name_of(f["name"]): {}} for f in entry.functions[:1]]
        return
    for name, change in CHANGES.items():
        calls = change(copy.deepcopy(right_answer(entry, None)), entry, draw)
        if calls is not None:
            yield name, calls


def _table(found: Sequence[Compared], key: Callable[[Compared], str], title: str) -> None:
    both: Counter[str] = Counter(key(one) for one in found)
    agreed: Counter[str] = Counter(key(one) for one in found if one.agreed)
    right: Counter[str] = Counter(key(one) for one in found if one.right)
    print(
        f"\n| {title} | answers | right by BFCL | agreed | share |\n| --- | --- | --- | --- | --- |"
    )
    for name, size in both.items():
        print(f"| {name} | {size} | {right[name]} | {agreed[name]} | {agreed[name] / size:.2%} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the cases")
    parser.add_argument("--differences", action="store_true", help="print each as JSON")
    options = parser.parse_args()
    found = list(compared(options.share))
    agreed = sum(one.agreed for one in found)
    print(f"{agreed:,} of {len(found):,} answers are judged alike ({agreed / len(found):.3%}).")
    _table(found, lambda one: one.category, "category")
    _table(found, lambda one: one.change, "change")
    differences = [one for one in found if not one.agreed]
    _table(
        differences,
        lambda one: f"{one.change}: ours {one.ours.layer}, BFCL {one.why or 'right'}",
        "difference",
    )
    for one in differences if options.differences else ():
        truth = [dict(call.arguments) for call in one.case.answers[0]]
        print(json.dumps([one.case.id, one.change, one.calls, truth, one.ours.reason, one.why]))


if __name__ == "__main__":
    main()
