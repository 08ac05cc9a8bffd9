"""Suites: shipped ones, one's own, and wrong ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
import yaml

from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking import suite
from slipstream.tasks.benchmarking.suite import cells, changed, load, parse, selected, shipped

MINE: dict[str, Any] = {"name": "mine", "benchmarks": [{"name": "a", "concurrency": [1, 2]}]}


def test_every_shipped_suite_is_valid_and_has_the_name_of_its_file() -> None:
    assert {
        "agent",
        "context",
        "full",
        "latency",
        "memory",
        "micro",
        "smoke",
        "start",
        "throughput",
    } <= set(shipped())
    for name in shipped():
        found = load(name)
        assert found.name == name
        assert found.description.endswith(".")
        jsonschema.validate(found.model_dump(mode="json"), suite.schema())


def test_every_family_says_what_it_measures() -> None:
    assert tuple(suite.FAMILIES) == get_args(suite.Family)


def test_a_benchmark_makes_a_cell_for_each_length_and_load() -> None:
    value = {**MINE, "benchmarks": [
        {"name": "a", "concurrency": [1, 2], "prompt_tokens": [10, 20]},
        {"name": "b", "rate": [0.5]},
    ]}  # fmt: skip
    found = cells(parse(json.dumps(value), "x"))
    assert [cell.label for cell in found] == [
        "prompt=10 concurrency=1", "prompt=10 concurrency=2",
        "prompt=20 concurrency=1", "prompt=20 concurrency=2", "rate=0.5/s",
    ]  # fmt: skip
    assert [cell.position for cell in found] == list(range(5))
    assert [(cell.slots, cell.rate) for cell in found][-1] == (0, 0.5)


@pytest.mark.parametrize("ending", ["yaml", "json"])
def test_a_suite_of_ones_own_is_a_file(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"mine.{ending}"
    file.write_text(yaml.safe_dump(MINE) if ending == "yaml" else json.dumps(MINE))
    assert load(str(file)).name == "mine"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"version": 2}, "version: "),
        ({"name": "Mine!"}, "name: "),
        ({"more": 1}, "more: Extra inputs"),
        ({"benchmarks": []}, "there is no benchmark"),
        ({"include": ["none"]}, "there is no suite none to include"),
        ({"benchmarks": [{"name": "a"}]}, "either concurrency or rate"),
        ({"benchmarks": [{"name": "a", "family": "batch", "rate": [1]}]}, "batch has no rate"),
        ({"benchmarks": [{"name": "a", "concurrency": [1], "cold": True}]}, "the family start"),
        ({"benchmarks": [{"name": "a", "family": "custom"}]}, "custom needs an entry"),
        ({"benchmarks": [{"name": "a", "family": "custom", "entry": "x"}]}, "entry: String"),
        ({"benchmarks": [{"name": "a", "rate": [1], "concurrency": [1]}]}, "either"),
        ({"benchmarks": [{"name": "a", "rate": [0]}]}, r"benchmarks\.0\.rate\.0: "),
        ({"benchmarks": [{"name": "a", "rate": [1]}] * 2}, "more than one benchmark is called a"),
        ({"benchmarks": [{"name": "a", "rate": [1], "stop": {"metric": "x"}}]}, "'x' is none of"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=f"^(x|suite mine): .*{sentence}") as error:
        parse(json.dumps({**MINE, **change}), "x")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["a: [", "[1, 2]", "", "x" * 99, "a: " + "[" * 5000])
def test_what_is_no_suite_at_all_is_one_sentence(text: str) -> None:
    with pytest.raises(UsageError) as error:
        parse(text, "x")
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read_are_one_sentence(tmp_path: Path) -> None:
    for name, content in {"a.yaml": b"\xff\xfe\xff", "b.yaml": b" " * (suite.LARGEST + 1)}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError):
            load(str(tmp_path / name))
    with pytest.raises(UsageError, match="cannot be read"):
        load(str(tmp_path / "none.yaml"))
    with pytest.raises(UsageError, match=r"no suite smokey; there are .*smoke"):
        load("smokey")


def test_a_suite_may_include_others() -> None:
    found = parse(json.dumps({**MINE, "include": ["smoke"]}), "x")
    assert [b.name for b in found.benchmarks] == [
        "smoke-latency", "smoke-sweep", "smoke-arrivals", "a",
    ]  # fmt: skip
    assert parse(found.model_dump_json(), "x") == found
    assert len(cells(load("full"))) > 30


def test_benchmarks_are_chosen_by_name() -> None:
    whole = load("smoke")
    assert selected(whole, []) == whole
    assert [b.name for b in selected(whole, ["sweep"]).benchmarks] == ["sweep"]
    with pytest.raises(UsageError, match="no benchmark x; it has latency"):
        selected(whole, ["x"])


def test_the_command_line_changes_all_benchmarks() -> None:
    found = changed(load("smoke"), {"seed": 5, "iterations": 2, "concurrency": [3]})
    assert found.seed == 5
    assert {(b.iterations, tuple(b.concurrency), tuple(b.rate)) for b in found.benchmarks} == {
        (2, (3,), ())
    }
    assert changed(found, {"rate": [2.0]}).benchmarks[0].concurrency == []
    with pytest.raises(UsageError, match="iterations"):
        changed(found, {"iterations": 0})


def test_objectives_go_by_the_names_of_metrics() -> None:
    assert load("smoke").benchmarks[1].objectives.as_metrics() == {"ttft": 500, "tpot": 50}
