"""The JSON of summaries is what docs/summary.schema.json says, and nothing besides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from slipstream.storage.config.settings import DEFAULTS
from slipstream.tasks.summarization.model import Outcome
from slipstream.tasks.summarization.produce import Request, summarise_chunks
from slipstream.tasks.summarization.report import SCHEMA, to_json

ROOT = Path(__file__).resolve().parents[3]
LOGS = ROOT / "tests" / "fixtures" / "logs"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The documented schema."""
    loaded: dict[str, Any] = json.loads((ROOT / "docs" / "summary.schema.json").read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder for all tests of this file."""
    return tmp_path_factory.mktemp("home")


def closed(schema: Any) -> Any:
    """The schema without room for fields that it does not describe."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    return {"additionalProperties": False} | inner if "properties" in schema else inner


def test_the_schema_is_one(schema: dict[str, Any]) -> None:
    """Valid, of this version, and every field is required and described."""
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == schema["properties"]["schema"]["const"] == SCHEMA
    for part in (schema, schema["properties"]["log"], *schema["$defs"].values()):
        assert part["required"] == list(part["properties"])
        assert all(field["description"] for field in part["properties"].values())


@pytest.mark.parametrize("tool", sorted(path.name for path in LOGS.iterdir() if path.is_dir()))
def test_summaries_of_real_logs_are_as_the_schema_says(
    tool: str, schema: dict[str, Any], folder: Path
) -> None:
    """Every field of every finding; what is not known is null."""
    validator = Draft202012Validator(closed(schema))
    for log in sorted((LOGS / tool).glob("*.log")):
        produced = summarise_chunks([log.read_bytes()], folder, DEFAULTS, Request(), Outcome(1))
        data = json.loads(json.dumps(to_json(produced)))
        problems = [f"{log.name}: {e.json_path}: {e.message}" for e in validator.iter_errors(data)]
        assert problems == []


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(),
        Outcome(0, duration=1.5),
        Outcome(137, "SIGKILL", None, True, 2.0),
        Outcome(124, "", 1.0, False, 1.0),
    ],
    ids=["unknown", "passed", "out of memory", "timed out"],
)
def test_every_way_to_end_is_as_the_schema_says(
    outcome: Outcome, schema: dict[str, Any], folder: Path, tmp_path: Path
) -> None:
    """Also where nothing was printed, and where the log could not be kept."""
    file = tmp_path / "no folder"
    file.write_text("")
    for home in (folder, file):
        for data in ([], [b"\0\xff\n"]):
            produced = summarise_chunks(data, home, DEFAULTS, Request(), outcome)
            Draft202012Validator(closed(schema)).validate(to_json(produced))
