"""`slip config`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slipstream.cli.main import main


def test_every_value_is_shown_with_where_it_came_from(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mistakes go to standard error, and a password is hidden."""
    file = tmp_path / "c.yaml"
    file.write_text("mode: burst\nsumary: 1\npatterns: [{name: mine, regex: x}]\n")
    monkeypatch.setenv("SLIPSTREAM_CONFIG", str(file))
    monkeypatch.setenv("SLIPSTREAM_STORAGE_REDIS_URL", "redis://me:hunter2@host/0")
    assert main(["config", "show"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert f"mode\tburst\t{file}:1" in lines
    assert "summary.redact\ttrue\tdefault" in lines
    assert "storage.redis_url\tredis://me:***@host/0\tSLIPSTREAM_STORAGE_REDIS_URL" in lines
    assert f"patterns\tmine\t{file}:3" in lines
    assert "hunter2" not in captured.out + captured.err
    said = f"slip: warning: {file}:2: unknown setting sumary (did you mean summary?)\n"
    assert captured.err == said


def test_json_gives_the_same(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a version of its format."""
    assert main(["config", "show", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["version"] == 1
    assert shown["settings"]["retention.days"] == {"value": 7, "from": "default"}
    assert shown["problems"] == []


def test_a_pattern_that_the_engine_refuses_is_named(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Look-around cannot be matched in linear time."""
    file = tmp_path / "c.yaml"
    file.write_text("patterns:\n  - name: ahead\n    regex: 'x(?=y)'\n")
    monkeypatch.setenv("SLIPSTREAM_CONFIG", str(file))
    assert main(["config", "show"]) == 0
    assert f"{file}:3: pattern ahead: " in capsys.readouterr().err


def test_the_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the draft that editors know."""
    assert main(["config", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
