"""How commands print."""

from __future__ import annotations

import io
import json
import sys

import pytest

from slipstream.cli import output
from slipstream.storage.errors import UsageError


class Terminal(io.StringIO):
    """A standard stream in front of a person."""

    def isatty(self) -> bool:
        return True


ROWS = [("a", 1, None), ("longer", 200, "x\x1b[2Jy")]


def test_a_table_is_tab_separated_when_piped(capsys: pytest.CaptureFixture[str]) -> None:
    """With its header, and without what could write to a terminal."""
    output.print_table(("name", "size", "note"), ROWS)
    assert capsys.readouterr().out == "name\tsize\tnote\na\t1\t\nlonger\t200\tx\\x1b[2Jy\n"


def test_a_table_is_aligned_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers to the right where asked for; the header bold unless NO_COLOR is set."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    output.print_table(("name", "size", "note"), ROWS, right="size")
    assert terminal.getvalue().splitlines() == [
        "\x1b[1mname    size  note\x1b[0m",
        "a          1",
        "longer   200  x\\x1b[2Jy",
    ]
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.style("x", "1") == "x"


def test_quiet_silences_notes_and_warnings_but_no_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All of them go to standard error."""
    output.set_options(output.Options(quiet=True))
    output.note("n")
    output.warn("w")
    output.fail("f")
    output.set_options(output.Options())
    output.note("n")
    output.warn("w")
    captured = capsys.readouterr()
    assert (captured.err, captured.out) == ("slip: f\nslip: n\nslip: warning: w\n", "")


def test_json_of_a_lone_surrogate_can_be_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file name that is no UTF-8 comes back as it was."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    output.prepare_streams()
    output.print_json({"file": "a\udcff", "text": "ü"})
    stream.flush()
    assert json.loads(raw.getvalue().decode("utf-8")) == {"file": "a\udcff", "text": "ü"}


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 * 1024**3, "5.0 GiB"),
     (3000 * 1024**4, "3000.0 TiB")],
)  # fmt: skip
def test_bytes_for_people(count: int, text: str) -> None:
    """Units are powers of 1,024."""
    assert output.bytes_text(count) == text


def test_what_destroys_asks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """--force does not ask; without a terminal nobody can answer, and that is said."""
    assert output.confirm("Delete 3 logs?", force=True)
    with pytest.raises(UsageError, match=r"Delete 3 logs\? Nobody can be asked here; add --force"):
        output.confirm("Delete 3 logs?", force=False)
    for answer, expected in (("y\n", True), ("YES\n", True), ("\n", False), ("n\n", False)):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        assert output.confirm("Delete 3 logs?", force=False) is expected
