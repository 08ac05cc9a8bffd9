"""How a flow run that is watched is shown: one line that changes, or a line for each state."""

from __future__ import annotations

import sys

import pytest

from slipstream.cli.flow import _Live
from slipstream.flows.runs import Seen

SEEN = Seen("a", "a", "maintain full", "maintain", "", "Running", "", None, None, 0.0)


def test_elsewhere_a_state_is_a_line_and_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    live = _Live()
    for seen in (SEEN, SEEN._replace(done=1), SEEN._replace(state="Completed")):
        live.show(seen)
    live.end()
    assert capsys.readouterr().err == (
        "slip: maintain full: Running\nslip: maintain full: Completed\n"
    )


def test_in_a_terminal_one_line_changes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    live = _Live()
    live.show(SEEN._replace(done=3))
    live.show(SEEN._replace(state="Completed"))
    live.end()
    live.end()
    first, second = capsys.readouterr().err.split("\r")[1:]
    assert first == "slip: maintain full: Running, 3 tasks done"
    assert second.rstrip(" \n") == "slip: maintain full: Completed"
    assert second.endswith("\n")
    assert len(second) == len(first) + 1, "what stood there is written over"
