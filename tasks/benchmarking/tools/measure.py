"""Asking cases: which, what is sent for each, and what is kept of its answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from slipstream.storage.bench_answers import AnswerRow
from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking import suite as suites
from slipstream.tasks.benchmarking.answer import Answer
from slipstream.tasks.benchmarking.faults import MEANINGS, Fault
from slipstream.tasks.benchmarking.model import Sample, Source
from slipstream.tasks.benchmarking.simulate import calls
from slipstream.tasks.benchmarking.simulate.profiles import PROFILES
from slipstream.tasks.benchmarking.simulate.settings import EXPECT_HEADER, Settings
from slipstream.tasks.benchmarking.suite import Benchmark, Suite
from slipstream.tasks.benchmarking.target import Server
from slipstream.tasks.benchmarking.tools import case as files
from slipstream.tasks.benchmarking.tools import values
from slipstream.tasks.benchmarking.tools.model import Case, Expected, Extraction, Layer

ANY = "any"  # stands for the tool where a call of whichever is right
CUT_OFF = "The answer was cut off at its most tokens."
UNSEEN = (
    "The prompt is too short to hold the tools: the server's chat template does not show them to "
    "the model."
)
MOST_CHARACTERS = 12  # of a token: of JSON and English it holds 3 to 5
LONGEST_NAME = 50  # characters of a benchmark's name that is made of a file's


class Choosable(Protocol):
    """What a benchmark's settings choose by."""

    @property
    def id(self) -> str:
        """Unique in its file."""

    @property
    def category(self) -> str:
        """One of a few."""

    @property
    def tags(self) -> Sequence[str]:
        """Any."""


Chosen = TypeVar("Chosen", bound=Choosable)


class Asked(NamedTuple):
    """The cases of a benchmark.

    Attributes:
        cases: In their order.
        digest: Of their file.
        repeats: How often each is asked.
    """

    cases: tuple[Case, ...]
    digest: str
    repeats: int

    def requests(self, server: Server) -> list[Mapping[str, Any]]:
        """What differs from request to request: all cases once, in their order.

        Our simulated server is told which calls are right: it makes as many mistakes as it is set
        to make.
        """
        simulated = server.properties.get("owned_by") == PROFILES[Settings().profile].owner
        return [_request(case, told=simulated) for case in self.cases]

    def judged(self, sample: Sample, answer: Answer) -> AnswerRow:
        """How the answer to a request is judged."""
        from slipstream.tasks.benchmarking.tools.extract import extract
        from slipstream.tasks.benchmarking.tools.judge import judge

        attempt, place = divmod(sample.number, len(self.cases))
        case = self.cases[place]
        extraction = Extraction(())
        if answered(sample):
            extraction = extract(answer.calls, answer.text, case.tools)
            score, layer, reason = judge(case, extraction)
            if layer is not Layer.RIGHT and sample.finish_reason == "length":
                reason += f" {CUT_OFF}"
            if layer is Layer.EXTRACTION and not shown(case, sample):
                reason += f" {UNSEEN}"
        else:
            score, layer, reason = 0.0, Layer.FAILED, failure(sample)
        return AnswerRow(
            number=sample.number,
            case_id=case.id,
            attempt=attempt,
            category=case.category,
            difficulty=case.difficulty,
            tool=ANY if case.rules.any_call else next((c.name for c in case.answers[0]), ""),
            score=score,
            layer=str(layer),
            reason=reason,
            form=extraction.form,
            prompt=prompt(case),
            expected=json.dumps([[_plain(c) for c in answer] for answer in case.answers]),
            actual=json.dumps(
                [_made(call.name, call.arguments, call.raw) for call in extraction.calls]
            ),
            text=answer.text,
        )


def prompt(case: Case) -> str:
    """What a case asks last: the newest message of the user's."""
    said = [m.get("content") for m in case.messages if m["role"] == "user"]
    return str(said[-1] or "") if said else ""


def shown(case: Case, sample: Sample) -> bool:
    """Whether the prompt, as the server counts it, is long enough to hold the case's tools."""
    if sample.prompt_tokens is None or sample.prompt_source is not Source.SERVER:
        return True
    return sample.prompt_tokens * MOST_CHARACTERS > len(json.dumps(case.tools))


def answered(sample: Sample) -> bool:
    """Whether a request has an answer that can be judged.

    An answer that ends properly and holds no token is one: that is how it looks when a server's
    parser swallows a call.
    """
    return sample.good or (sample.fault is Fault.EMPTY and bool(sample.finish_reason))


def asked(benchmark: Benchmark) -> Asked:
    """The cases that a benchmark asks.

    Raises:
        UsageError: There are none, or its file is not valid; the sentence says where.
    """
    file = files.load(benchmark.cases)
    chosen = selected(benchmark, file.cases)
    return Asked(chosen, file.digest, benchmark.repeats)


def selected(benchmark: Benchmark, every: Sequence[Chosen]) -> tuple[Chosen, ...]:
    """The cases that a benchmark's settings choose, in their order.

    Raises:
        UsageError: There are none.
    """
    chosen = list(every)
    for what, wanted, of in (
        ("category", benchmark.categories, lambda case: [case.category]),
        ("case", benchmark.ids, lambda case: [case.id]),
        ("tag", benchmark.tags, lambda case: case.tags),
    ):
        known = dict.fromkeys(name for case in every for name in of(case))
        for name in wanted:
            if name not in known:
                raise UsageError(_unknown(f"{benchmark.cases} have no {what} {name}", list(known)))
        chosen = [case for case in chosen if not wanted or set(wanted) & set(of(case))]
    if not chosen:
        raise UsageError(f"None of the cases {benchmark.cases} is all that was asked for.")
    return tuple(chosen)


def failure(sample: Sample) -> str:
    """Why a request has no answer that can be judged."""
    assert sample.fault is not None
    return f"{MEANINGS[sample.fault].sentence} {sample.detail}".strip()


def suite_of(cases: str, changes: Mapping[str, Any]) -> Suite:
    """A suite that asks cases and nothing else.

    Args:
        cases: By name, or a file.
        changes: Settings of its benchmark.

    Raises:
        UsageError: A setting is out of bounds.
    """
    path = Path(cases)
    label = re.sub("[^a-z0-9]+", "-", path.name.removesuffix(".json").lower()).strip("-")
    own = cases in files.shipped()
    benchmark = {
        "name": label[:LONGEST_NAME] or "cases",
        "family": "tools",
        "cases": str(path.absolute()) if path.suffix == ".json" else cases,
        **changes,
    }
    name = "tools" if own else f"tools-{benchmark['name']}"
    return suites.parse(json.dumps({"name": name, "benchmarks": [benchmark]}), cases)


def _unknown(what: str, known: Sequence[str]) -> str:
    more = ", …" if len(known) > 12 else ""
    return f"The cases {what}; there are {', '.join(known[:12])}{more}."


def _request(case: Case, *, told: bool) -> dict[str, Any]:
    request: dict[str, Any] = {"messages": list(case.messages), "tools": list(case.tools)}
    if told and not case.rules.any_call:
        right = [{"name": call.name, "arguments": _sent(call)} for call in case.answers[0]]
        request["extra_headers"] = {EXPECT_HEADER: json.dumps(right)}
    return request


def _sent(call: Expected) -> dict[str, Any]:
    """Right arguments; those for which there is no right value are left out."""
    found = {}
    for name, right in call.arguments.items():
        with suppress(LookupError):
            found[name] = example(right[0])
    return found


def example(value: Any) -> Any:
    """A value that an expected one takes: of several the first; see `values`.

    Raises:
        LookupError: There is none.
    """
    if isinstance(value, list):
        return [example(one) for one in value]
    if not isinstance(value, dict):
        return value
    for mark, of in value.items():
        if mark == values.FITS:
            return calls.example(of)
        if mark in (values.ANY, values.OPTIONAL):
            return example(of[0])
    return {name: example(one) for name, one in value.items()}


def _plain(call: Expected) -> dict[str, Any]:
    found: dict[str, Any] = {"name": call.name, "arguments": dict(call.arguments)}
    return found | ({"optional": sorted(call.optional)} if call.optional else {})


def _made(name: str, arguments: Mapping[str, Any] | None, raw: str) -> dict[str, Any]:
    return {"name": name, "arguments": raw if arguments is None else dict(arguments)}
