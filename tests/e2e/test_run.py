"""`slip run` as an agent uses it: a process that stands for the command it runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Slip
from tests.e2e.conftest import SLIP, footer, stored

pytestmark = pytest.mark.usefixtures("home")
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and permissions")
PYTHON = sys.executable


def python(code: str) -> tuple[str, ...]:
    """A command line that runs some Python."""
    return ("--", PYTHON, "-S", "-c", code)  # -S: coverage does not follow into it


def wait_for(path: Path, seconds: float = 20) -> None:
    """Wait until a file has been written."""
    end = time.monotonic() + seconds
    while not (path.exists() and path.stat().st_size):
        assert time.monotonic() < end, f"{path} was not written"
        time.sleep(0.02)


def running(pid: int) -> bool:
    """Whether a process is there, and not only waiting to be reaped."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_failure_is_shown_with_its_cause_and_kept_whole(slip: Slip) -> None:
    """The summary alone is on standard output, nothing on standard error."""
    code = (
        "import sys, time; print('one', flush=True); time.sleep(0.1); "
        "print('two', file=sys.stderr, flush=True); time.sleep(0.1); {}['x']"
    )
    done = slip("run", *python(code))
    assert done.returncode == 1
    assert done.stdout.startswith("# FAILED: python, exit status 1\n")
    assert "KeyError: 'x'" in done.stdout
    assert done.stderr == ""
    last = footer(done.stdout)
    assert last.complete
    log = stored(last.log)
    assert len(log) == last.bytes
    assert log.count(b"\n") == last.lines
    assert log.startswith(b"one\ntwo\n")


@pytest.mark.parametrize("status", [0, 1, 3, 42, 255])
def test_the_exit_status_is_the_commands_own(status: int, slip: Slip) -> None:
    """And it stands in the summary."""
    done = slip("run", *python(f"import os; os._exit({status})"))
    assert done.returncode == status
    assert footer(done.stdout).exit == str(status)


def test_a_command_that_does_not_exist_is_127_and_a_sentence(slip: Slip) -> None:
    """As a shell has it; nothing is stored."""
    done = slip("run", "--", "no-such-command-here")
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr.startswith("slip: The command no-such-command-here was not found")
    assert done.stderr.count("\n") == 1
    assert slip("log", "last").returncode == 4


@posix
def test_a_command_that_may_not_be_executed_is_126_and_a_sentence(
    tmp_path: Path, slip: Slip
) -> None:
    """A file without permission, and a folder."""
    file = tmp_path / "tool"
    file.write_text("#!/bin/sh\n")
    for name in (str(file), str(tmp_path)):
        done = slip("run", name)
        assert (done.returncode, done.stdout) == (126, "")
        assert done.stderr.count("\n") == 1


@posix
def test_the_end_by_a_signal_is_named(slip: Slip) -> None:
    """The status is 128 and the signal's number."""
    done = slip("run", *python("import os; os.kill(os.getpid(), 11)"))
    assert done.returncode == 128 + 11
    assert done.stdout.startswith("# KILLED by SIGSEGV")


def test_a_time_out_is_124_and_is_named(slip: Slip) -> None:
    """What was printed until then is kept."""
    code = "print('before', flush=True); import time; time.sleep(60)"
    done = slip("run", "--timeout", "1.5", *python(code))
    assert done.returncode == 124
    assert done.stdout.startswith("# TIMED OUT after 1.5 s")
    assert stored() == f"before{os.linesep}".encode()


def test_standard_input_is_the_commands(slip: Slip) -> None:
    """Byte for byte."""
    data = bytes(range(256)) * 500
    code = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
    command = [*SLIP, "run", *python(code)]
    done = subprocess.run(command, input=data, capture_output=True, timeout=60)
    assert done.returncode == 0
    assert stored() == data


def test_the_folder_and_the_variables_are_the_commands(tmp_path: Path, slip: Slip) -> None:
    """`--cwd`, and `--env` as often as it is given."""
    code = "import os; print(os.getcwd(), os.environ['A'], os.environ['B'])"
    options = ("--cwd", str(tmp_path), "--env", "A=1=2", "--env", "B=")
    assert slip("run", *options, *python(code)).returncode == 0
    assert stored().decode().split() == [os.path.realpath(tmp_path), "1=2"]


def test_tee_copies_the_output_to_standard_error(slip: Slip) -> None:
    """Standard output is the summary's still."""
    done = slip("run", "--tee", *python("print('as it comes')"))
    assert done.stderr == "as it comes\n"
    assert footer(done.stdout).lines == 1


def test_a_command_keeps_the_options_behind_its_name(slip: Slip) -> None:
    """`--` as well."""
    code = "import sys; print(sys.argv[1:])"
    assert slip("run", PYTHON, "-c", code, "--json", "--", "-q").returncode == 0
    assert stored().decode().strip() == "['--json', '--', '-q']"


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--timeout", "0"], 2),
        (["--timeout", "nan"], 2),
        (["--timeout", "soon"], 2),
        (["--profile", "huge"], 2),
        (["--max-bytes", "much"], 2),
        (["--env", "NAME"], 2),
        (["--type", "no-such-type"], 2),
        (["--cwd", "no-such-folder"], 4),
        (["--no-such-option"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_nothing_is_started_when_an_option_is_wrong(
    options: list[str], status: int, tmp_path: Path, slip: Slip
) -> None:
    """One sentence says which."""
    mark = tmp_path / "started"
    done = slip("run", *options, *python(f"open({str(mark)!r}, 'w')"))
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.count("\n") == 1
    assert options[0] in done.stderr or options[-1] in done.stderr
    assert not mark.exists()


def test_without_a_command_the_usage_is_said(slip: Slip) -> None:
    """Exit status 2."""
    for arguments in (["run"], ["run", "--"], ["run", "--json"]):
        done = slip(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert "COMMAND" in done.stderr


def test_a_limit_out_of_bounds_is_the_nearest_and_said(slip: Slip) -> None:
    """The command runs."""
    done = slip(
        "run", "--max-bytes", "5", *python("print('error: x\\n' * 5000); raise SystemExit(1)")
    )
    assert done.returncode == 1
    assert len(done.stdout.encode()) <= 1024 + 1
    assert "1,024 is used" in done.stderr


@posix
def test_a_configuration_that_cannot_be_used_ends_the_command(
    tmp_path: Path, slip: Slip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of its processes: nothing goes on where nobody reads it."""
    monkeypatch.setenv("SLIPSTREAM_STORAGE_DATABASE_URL", "no url")
    pids = tmp_path / "pids"
    script = f"sleep 60 & echo $! $$ > {pids}; wait"
    done = slip("run", "--", "sh", "-c", script)
    assert done.returncode == 2
    assert "SLIPSTREAM_STORAGE_DATABASE_URL" in done.stderr
    if pids.exists():  # it was ended before it came to that, otherwise
        time.sleep(0.2)
        assert not any(running(int(pid)) for pid in pids.read_text().split())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\n",
        b"error: \xff\xfe\x80\n",
        "error: \ud800\udfff\n".encode("utf-8", "surrogatepass"),
        b'error: "quoted" \\ back\\\n',
        b"error: \x1b[31mred\x07\x7f\x9b\n",
        "error: \u2028\u2029\x85 \U0001f600\n".encode(),
        "error: größe\n".encode("utf-16"),
    ],
    ids=["empty", "nul", "invalid", "surrogates", "quotes", "controls", "separators", "utf-16"],
)
def test_json_is_valid_for_any_output(data: bytes, slip: Slip) -> None:
    """And valid UTF-8, with the same summary as text in it."""
    code = f"import sys; sys.stdout.buffer.write({data!r}); sys.exit(1)"
    command = [*SLIP, "run", "--json", *python(code)]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, b"")
    summary = json.loads(done.stdout.decode("utf-8", "strict"))
    assert summary["failed"] is True
    assert footer(summary["text"]).bytes == len(data)
    assert summary["log"]["bytes"] == len(data)


@posix
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_command_and_its_summary_is_shown(
    number: int, status: int, tmp_path: Path
) -> None:
    """The signal is passed on to the command."""
    mark = tmp_path / "started"
    code = (
        "import time\nprint('so far', flush=True)\n"
        f"open({str(mark)!r}, 'w').write('x')\ntime.sleep(60)"
    )
    child = subprocess.Popen(
        [*SLIP, "run", *python(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for(mark)
    child.send_signal(number)
    out, err = child.communicate(timeout=30)
    assert child.returncode == status
    assert footer(out).exit == str(status)
    assert err == ""
    assert stored().startswith(b"so far\n")


@posix
@pytest.mark.usefixtures("unmeasured")
def test_what_was_printed_before_a_kill_is_kept(tmp_path: Path, slip: Slip) -> None:
    """Marked as incomplete, and never called complete."""
    mark = tmp_path / "pid"
    code = (
        "import os, time\nprint('line\\n' * 1000, flush=True)\ntime.sleep(0.6)\n"
        f"open({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
    )
    child = subprocess.Popen([*SLIP, "run", *python(code)], stdout=subprocess.DEVNULL)
    wait_for(mark)
    child.kill()
    child.wait()
    done = slip("log", "last")
    os.kill(int(mark.read_text()), signal.SIGKILL)
    assert done.returncode == 0
    assert done.stdout == "line\n" * 1000 + "\n"
    assert "is not complete" in done.stderr
    entry = json.loads(slip("log", "list", "--json").stdout)[0]
    assert entry["complete"] is False


@posix
def test_a_closed_reader_does_not_hide_the_commands_work(tmp_path: Path) -> None:
    """`slip run … | head -0`: the command runs to its end and its log is kept."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*SLIP, "run", *python("print('kept')")], stdout=write, stderr=subprocess.PIPE, timeout=60
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")
    assert stored() == b"kept\n"
