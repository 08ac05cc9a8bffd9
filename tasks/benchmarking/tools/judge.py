"""Whether the calls of an answer are right, and if not, where they first went wrong.

Of several alternatives that counts which comes closest. Several calls may come in any order unless
the case's rules say otherwise; those of one tool are paired so that as much as possible is right.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

from slipstream.tasks.benchmarking.tools import assign, values
from slipstream.tasks.benchmarking.tools import schema as schemas
from slipstream.tasks.benchmarking.tools.model import (
    Call,
    Case,
    Expected,
    Extraction,
    Layer,
    Rules,
    Verdict,
)

RIGHT = Verdict(1.0, Layer.RIGHT)
PARTIAL = Fraction(1, 2)
"""The most that the right tools with wrong arguments can score."""
ALTERNATIVES = 3  # that a sentence shows

_ORDER = {layer: position for position, layer in enumerate(Layer)}
_Schemas: TypeAlias = Mapping[str, Mapping[str, Any]]


class _Outcome(NamedTuple):
    """How one call, or all calls of one alternative, were judged.

    Attributes:
        share: Of its arguments that are right, from 0 to 1.
        layer: The first that something is wrong in.
        reason: One sentence.
    """

    share: Fraction
    layer: Layer = Layer.RIGHT
    reason: str = ""


def judge(case: Case, extraction: Extraction) -> Verdict:
    """How the calls of an answer are judged.

    Args:
        case: What was asked, and what is right.
        extraction: What the model called.
    """
    calls, problem = extraction.calls, extraction.problem
    wanted = [answer for answer in case.answers if answer]
    if not calls:
        if len(wanted) < len(case.answers) and not case.rules.any_call:
            unread = f"No call is right, and one was tried: {problem}."
            return Verdict(0.0, Layer.UNWANTED, unread) if problem else RIGHT
        return Verdict(0.0, Layer.EXTRACTION, f"No call was found{problem and f': {problem}'}.")
    if case.rules.any_call:
        return RIGHT
    if not wanted:
        return Verdict(0.0, Layer.UNWANTED, f"No call is right, and {_names(calls)} was called.")
    schema_of = {tool["function"]["name"]: schemas.parameters(tool) for tool in case.tools}
    outcomes = [_alternative(answer, calls, schema_of, case.rules) for answer in wanted]
    # the closest: of those with as much right the one that got through more layers
    best = max(outcomes, key=lambda o: (o.layer is Layer.RIGHT, o.share, _ORDER[o.layer]))
    if best.layer is Layer.RIGHT:
        return RIGHT
    reason = f"{best.reason}; besides, {problem}" if problem else best.reason
    return Verdict(float(best.share * PARTIAL), best.layer, f"{reason}.")


def _alternative(
    answer: Sequence[Expected], calls: Sequence[Call], schema_of: _Schemas, rules: Rules
) -> _Outcome:
    wanted, sent = [e.name for e in answer], [c.name for c in calls]
    if Counter(wanted) != Counter(sent):
        unread = next((c for c in calls if c.arguments is None), None)
        if unread is not None:
            return _Outcome(Fraction(0), Layer.JSON, _no_object(unread))
        return _Outcome(Fraction(0), Layer.TOOL, _other_tools(wanted, sent, schema_of))
    if rules.in_order:
        if wanted != sent:
            order = f"{', '.join(sent)} came in another order than {', '.join(wanted)}"
            return _Outcome(Fraction(0), Layer.TOOL, order)
        pairs = zip(answer, calls, strict=True)
        outcomes = [_call(e, c, schema_of.get(e.name, {}), rules) for e, c in pairs]
    else:
        outcomes = [
            outcome
            for name in dict.fromkeys(wanted)
            for outcome in _paired(
                [e for e in answer if e.name == name],
                [c for c in calls if c.name == name],
                schema_of.get(name, {}),
                rules,
            )
        ]
    share = sum((o.share for o in outcomes), Fraction(0)) / len(outcomes)
    first = min(
        (o for o in outcomes if o.layer is not Layer.RIGHT),
        key=lambda o: _ORDER[o.layer],
        default=_Outcome(share),
    )
    return first._replace(share=share)


def _paired(
    expected: Sequence[Expected], calls: Sequence[Call], schema: Mapping[str, Any], rules: Rules
) -> list[_Outcome]:
    """The outcomes of calls of one tool, each with the expected one that suits it best."""
    table = [[_call(e, c, schema, rules) for c in calls] for e in expected]
    # a call that is wrong as a whole has less than one whose arguments are all right
    gains = [[o.share + (o.layer is Layer.RIGHT) for o in row] for row in table]
    columns = assign.best(gains)
    return [row[column] for row, column in zip(table, columns, strict=True)]


def _call(expected: Expected, call: Call, schema: Mapping[str, Any], rules: Rules) -> _Outcome:
    if call.arguments is None:
        return _Outcome(Fraction(0), Layer.JSON, _no_object(call))
    broken = schemas.breaks(schema, call.arguments)
    mistakes: list[tuple[Layer, str]] = []
    looked = 0
    for name, found in _arguments(expected, call.arguments, schema, rules, broken):
        looked += 1
        if found is not None:
            mistakes.append((found[0], f"{call.name}: the argument {name} {found[1]}"))
    share = 1 - Fraction(len(mistakes), looked) if looked else Fraction(1)
    if not mistakes and "" in broken and _bound(expected, call.arguments, schema):
        mistakes.append((Layer.SCHEMA, f"{call.name}: {broken['']}"))
    if not mistakes:
        return _Outcome(share)
    layer, reason = min(mistakes, key=lambda m: _ORDER[m[0]])
    return _Outcome(share, layer, reason)


def _arguments(
    expected: Expected,
    sent: Mapping[str, Any],
    schema: Mapping[str, Any],
    rules: Rules,
    broken: Mapping[str, str],
) -> Iterator[tuple[str, tuple[Layer, str] | None]]:
    """Each argument that counts with what is wrong with it; None: nothing."""
    properties = schemas.properties(schema)
    for name, right in expected.arguments.items():
        how = _how(expected.name, name, rules, properties.get(name), name not in broken)
        if name not in sent:
            if name in expected.optional:
                continue
            default = _default(properties.get(name), rules)
            if default and any(values.same(value, default[0], how) for value in right):
                yield name, None
            else:
                yield name, (Layer.MISSING, f"is missing; expected {_either(right)}")
        elif any(values.same(value, sent[name], how) for value in right):
            yield name, None
        elif name in broken:
            words = f"breaks the tool's schema: {broken[name]}; expected {_either(right)}"
            yield name, (Layer.SCHEMA, words)
        else:
            words = f"is {schemas.shown(sent[name])}; expected {_either(right)}"
            yield name, (Layer.VALUE, words)
    for name, value in sent.items():
        if name in expected.arguments:
            continue
        how = _how(expected.name, name, rules, properties.get(name), name not in broken)
        default = _default(properties.get(name), rules)
        if default and values.same(default[0], value, how):
            continue
        if rules.extra != "allow":
            yield name, (Layer.EXTRA, f"is too much: {schemas.shown(value)}")
        elif name in broken:
            yield name, (Layer.SCHEMA, f"breaks the tool's schema: {broken[name]}")


def _how(tool: str, name: str, rules: Rules, schema: Any, valid: bool) -> values.How:
    def has(names: frozenset[str]) -> bool:
        return name in names or f"{tool}.{name}" in names

    return values.How(
        path=has(rules.paths),
        unordered=has(rules.unordered),
        fold=has(rules.fold),
        exact=has(rules.exact),
        # a schema that says nothing does not say that a number may be written as a text
        forms=valid and isinstance(schema, dict) and bool(schema.keys() - {"description", "title"}),
    )


def _default(schema: Any, rules: Rules) -> tuple[Any, ...]:
    """The default of an argument, if it has one and it counts."""
    counts = rules.extra == "defaults" and isinstance(schema, dict) and "default" in schema
    return (schema["default"],) if counts else ()


def _bound(expected: Expected, sent: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
    """Whether what all arguments together break is of the call's own making.

    A required argument that is its default and was left out is right.
    """
    return not (schemas.required(schema) - sent.keys()) & expected.arguments.keys()


def _other_tools(wanted: Sequence[str], sent: Sequence[str], schema_of: _Schemas) -> str:
    unknown = [name for name in sent if name not in schema_of]
    missing = list((Counter(wanted) - Counter(sent)).elements())
    beyond = list((Counter(sent) - Counter(wanted)).elements())
    if unknown:
        return f"No tool is called {unknown[0]}; expected {', '.join(wanted)}"
    if not beyond:
        return f"{', '.join(missing)} was not called"
    if not missing:
        return f"{', '.join(beyond)} was called besides {', '.join(wanted)}"
    return f"{', '.join(beyond)} was called instead of {', '.join(missing)}"


def _no_object(call: Call) -> str:
    return f"{call.name}: its arguments are no JSON object: {schemas.cut(call.raw) or 'nothing'}"


def _names(calls: Sequence[Call]) -> str:
    return ", ".join(dict.fromkeys(call.name for call in calls))


def _either(right: Sequence[Any]) -> str:
    shown = " or ".join(schemas.shown(value) for value in right[:ALTERNATIVES]) or "none"
    return f"{shown} or another" if len(right) > ALTERNATIVES else shown
