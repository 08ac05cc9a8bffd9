"""`slip` itself: which command runs, and with which exit status it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slipstream.cli import main as cli
from slipstream.cli import output
from slipstream.cli.main import COMMANDS, FAST, main, split_flags
from slipstream.storage.errors import NotFoundError

if TYPE_CHECKING:
    from tests.conftest import Slip


def failing(error: BaseException) -> object:
    """A `run` that raises."""

    def run(_arguments: list[str]) -> int:
        raise error

    return run


def test_without_arguments_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """With examples and the exit statuses."""
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert "slip run -- pytest -q" in shown
    assert "Exit status: 0 done" in shown


def test_the_version_is_the_distribution_s(capsys: pytest.CaptureFixture[str]) -> None:
    """`slip --version`."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"slip {version('slipstream')}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sumarize"], "slip: There is no command sumarize; did you mean `slip summarize`?"),
        (["zzz"], "slip: There is no command zzz; `slip --help` lists all."),
        (["config", "shw"], "Did you mean 'show'?"),
        (["config"], "slip: Missing command. (`slip config --help` shows how)"),
        (["doctor", "--jsn"], "--json"),
        (["--vrsion"], "No such option"),
    ],
)
def test_what_does_not_exist_is_one_sentence_with_the_nearest_right_name(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2, nothing on standard output."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_an_error_is_one_sentence_and_its_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, whatever the sentence holds."""
    monkeypatch.setattr(cli, "run", failing(NotFoundError("There is no log\x1b[31m x.")))
    assert main(["doctor"]) == 4
    assert capsys.readouterr().err == "slip: There is no log\\x1b[31m x.\n"


def test_a_mistake_of_ours_is_one_sentence_too_and_debug_shows_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 1; the traceback comes with --debug alone."""
    monkeypatch.setattr(cli, "run", failing(KeyError("x")))
    assert main(["doctor"]) == 1
    shown = capsys.readouterr().err
    assert "internal error (KeyError: 'x')" in shown
    assert "Traceback" not in shown
    assert main(["--debug", "doctor"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_interruption_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a shell shows it."""
    monkeypatch.setattr(cli, "run", failing(KeyboardInterrupt()))
    assert main(["doctor"]) == 130


def test_a_closed_pipe_is_quiet(home: Path) -> None:
    """`slip config schema | true` complains of nothing."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "slipstream.cli", "config", "schema"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_the_module_runs_as_the_command_does(slip: Slip) -> None:
    """`python -m slipstream.cli`, in any locale."""
    done = slip("--help", env=os.environ | {"PYTHONUTF8": "0", "LC_ALL": "C"})
    assert done.returncode == 0
    assert "Usage: slip" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_with_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`slip NAME --help`."""
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    if "\nCommands:" not in shown:  # the examples of a group stand with its commands
        assert f"  slip {name}" in shown


@pytest.mark.parametrize("place", [*COMMANDS.values(), *FAST.values()])
def test_every_command_of_the_tables_exists(place: str) -> None:
    """The tables name modules as text, so that none is imported before it is used."""
    module, _, function = place.partition(":")
    assert callable(getattr(import_module(module), function))


def test_flags_of_all_commands_stand_before_or_after_the_name() -> None:
    """But what follows the name of a command that reads its own line is left to it."""
    every = output.Options(quiet=True, verbose=True, debug=True)
    assert split_flags(["-q", "--verbose", "doctor", "--debug"]) == (["doctor"], every)
    assert split_flags(["run", "pytest", "-v"]) == (["run", "pytest", "-v"], output.Options())
    assert split_flags(["-v", "run", "-q"]) == (["run", "-q"], output.Options(verbose=True))


@pytest.mark.skipif(sys.platform == "win32", reason="bash")
def test_the_shell_completes_commands(slip: Slip) -> None:
    """What the completion script of bash asks for."""
    environment = os.environ | {
        "_SLIP_COMPLETE": "complete_bash",
        "COMP_WORDS": "slip doc",
        "COMP_CWORD": "1",
    }
    assert slip("doc", env=environment).stdout.split() == ["doctor"]


def test_a_command_is_logged_with_its_status(home: Path) -> None:
    """Its name alone: arguments may hold secrets."""
    main(["config", "show"])
    assert '"command":"config","status":0' in (home / "program" / "slip.log").read_text()


def test_a_group_without_a_command_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, as a wrong usage."""
    assert main(["cache"]) == 2
    assert "Commands:\n" in capsys.readouterr().err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_output_that_cannot_be_written_is_one_sentence(slip: Slip, home: Path) -> None:
    """As when the disk is full on which it goes into a file."""
    with open("/dev/full", "w") as full:
        done = slip("config", "show", stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert done.returncode == 1
    assert done.stderr == "slip: what is printed cannot be written (No space left on device).\n"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
@pytest.mark.parametrize("closed", ["", "<&-", ">&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_are_no_trouble(home: Path, closed: str) -> None:
    """No file takes their numbers."""
    command = f'"{sys.executable}" -m slipstream.cli cache stats {closed}'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stderr == ""
