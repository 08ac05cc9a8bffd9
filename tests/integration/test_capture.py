"""What `capture` holds, with real processes, pipes, signals and terminals."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX processes and signals")

# A process of its own, since capture forks and takes over signals: it runs what its first
# argument says and writes what it got to the file that its second argument names.
DRIVER = """
import base64, hashlib, json, resource, sys, time
from slipstream.tasks.summarization.capture import start
from slipstream.storage.errors import SlipError

options, result = json.loads(sys.argv[1]), sys.argv[2]
chunks, idle, ticks = [], [0], [0]
hashes, sizes = {1: hashlib.sha256(), 2: hashlib.sha256()}, {1: 0, 2: 0}

def on_chunk(data, stream):
    hashes[stream].update(data)
    sizes[stream] += len(data)
    if options["keep"]:
        chunks.append((stream, base64.b64encode(data).decode(), time.monotonic()))
    time.sleep(options["slow"])

def on_idle():
    idle[0] += 1

def on_tick():
    ticks[0] += 1

report = {}
try:
    child = start(options["command"], cwd=options["cwd"], env=options["env"])
    print("started", child.pid, flush=True)
    time.sleep(options["late"])
    exit = child.pump(on_chunk, on_idle, options["timeout"], on_tick,
                      grace=options["grace"], drain=options["drain"])
    report = exit._asdict()
except SlipError as error:
    report = {"error": str(error), "kind": type(error).__name__, "exit": error.exit_status}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if sys.platform == "linux":  # not what the process that started us took, which the above counts
    with open("/proc/self/status") as file:
        peak = 1024 * next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
report |= {"chunks": chunks, "idle": idle[0], "ticks": ticks[0], "sizes": list(sizes.values()),
           "hashes": [h.hexdigest() for h in hashes.values()], "peak": peak}
with open(result, "w") as file:
    json.dump(report, file)
print("finished", flush=True)
"""

Report = dict[str, Any]


class Running(NamedTuple):
    """A driver that is at work."""

    process: subprocess.Popen[bytes]
    pid: int
    """Of the command that it captures."""
    result: Path

    def report(self, timeout: float = 30) -> Report:
        self.process.wait(timeout)
        return _report(self.result)


def _arguments(result: Path, command: list[str], **options: Any) -> list[str]:
    defaults = {"cwd": None, "env": None, "timeout": None, "grace": 5.0, "drain": 2.0}
    settings = {**defaults, "keep": True, "slow": 0, "late": 0, "command": command, **options}
    return [sys.executable, "-c", DRIVER, json.dumps(settings), str(result)]


def _report(result: Path) -> Report:
    report: Report = json.loads(result.read_text())
    report["chunks"] = [(s, base64.b64decode(d), at) for s, d, at in report["chunks"]]
    for stream, name in ((1, "out"), (2, "err")):
        report[name] = b"".join(d for s, d, _ in report["chunks"] if s == stream)
    return report


Capture = Callable[..., Report]
Background = Callable[..., Running]


@pytest.fixture
def capture(tmp_path: Path) -> Capture:
    def run(command: list[str], **options: Any) -> Report:
        stdin = options.pop("stdin", subprocess.DEVNULL)
        result = tmp_path / "result.json"
        arguments = _arguments(result, command, **options)
        done = subprocess.run(arguments, stdin=stdin, capture_output=True, timeout=60, check=False)
        assert b"finished" in done.stdout, done.stderr.decode()
        return _report(result)

    return run


@pytest.fixture
def background(tmp_path: Path) -> Iterator[Background]:
    running: list[subprocess.Popen[bytes]] = []

    def run(command: list[str], **options: Any) -> Running:
        result = tmp_path / f"result{len(running)}.json"
        arguments = _arguments(result, command, **options)
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        running.append(process)
        assert process.stdout is not None
        return Running(process, int(process.stdout.readline().split()[1]), result)

    yield run
    for process in running:
        process.kill()
        process.communicate()


def python(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", code]


WRITE = """
import array, fcntl, os, sys, termios, time

def write(stream, data):
    os.write(stream, data)
    time.sleep(0.01)
    waiting = array.array("i", [sys.platform == "linux"])
    while waiting[0]:  # until it was read
        fcntl.ioctl(stream, termios.FIONREAD, waiting)
"""
"""For commands whose outputs must not be in their pipes at the same time."""


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition was not met in time"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet counts as ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


# Output


def test_two_streams_arrive_in_the_order_in_which_they_were_written(capture: Capture) -> None:
    report = capture(python(WRITE + "for i in range(30): write(1 + i % 3 // 2, b'%d\\n' % i)"))
    assert b"".join(data for _, data, _ in report["chunks"]).split() == [
        b"%d" % i for i in range(30)
    ]
    assert report["err"].split() == [b"%d" % i for i in range(2, 30, 3)]


def test_a_slow_sink_does_not_mix_the_streams_up(capture: Capture) -> None:
    report = capture(
        python(WRITE + "for i in range(40): write(1 + i % 2, b'%d\\n' % i)"), slow=0.03
    )
    assert b"".join(data for _, data, _ in report["chunks"]).split() == [
        b"%d" % i for i in range(40)
    ]


def test_a_line_is_not_cut_in_two_by_the_other_stream(capture: Capture) -> None:
    """Both streams are full at once and their chunks end anywhere; each line is on its own."""
    report = capture(
        python(
            "import os\n"
            "a, b = b'a' * 99 + b'\\n', b'b' * 99 + b'\\n'\n"
            "for _ in range(200):\n"
            "    os.write(1, a * 10); os.write(2, b * 10)\n"
        )
    )
    lines = b"".join(data for _, data, _ in report["chunks"]).splitlines()
    assert len(lines) == 4000
    assert all(len(set(line)) == 1 for line in lines)


def test_100_mb_pass_exactly_in_bounded_memory_and_at_speed(
    capture: Capture, record_property: Callable[[str, object], None]
) -> None:
    report = capture(
        python(
            "import os, random\n"
            "block = random.Random(1).randbytes(1 << 20)\n"
            "for _ in range(100):\n"
            "    at = 0\n"
            "    while at < len(block): at += os.write(1, block[at:])\n"
        ),
        keep=False,
    )
    import random

    block = random.Random(1).randbytes(1 << 20)
    expected = hashlib.sha256()
    for _ in range(100):
        expected.update(block)
    assert report["sizes"] == [100 << 20, 0]
    assert report["hashes"][0] == expected.hexdigest()
    speed = 105 / report["duration"]
    record_property("MB/s", round(speed))
    assert report["peak"] < 64 << 20
    assert speed > 50, f"{speed:.0f} MB/s"


def test_a_sink_that_is_too_slow_holds_the_command_up_instead_of_filling_memory(
    capture: Capture,
) -> None:
    report = capture(
        python("import os\nfor _ in range(1000): os.write(1, bytes(65536))"), keep=False, slow=0.02
    )
    assert report["sizes"] == [65_536_000, 0]
    assert report["peak"] < 64 << 20


def test_every_byte_value_passes_unchanged_on_both_streams(capture: Capture) -> None:
    report = capture(
        python(
            "import os\nos.write(1, bytes(range(256)) * 20)\nos.write(2, bytes(range(255, -1, -1)))"
        )
    )
    assert report["out"] == bytes(range(256)) * 20
    assert report["err"] == bytes(range(255, -1, -1))


def test_a_command_may_close_its_output_and_go_on(capture: Capture) -> None:
    report = capture(
        python("import os, time\nos.write(2, b'x')\nos.close(1)\nos.close(2)\ntime.sleep(0.3)")
    )
    assert (report["out"], report["err"], report["status"], report["drained"]) == (
        b"",
        b"x",
        0,
        True,
    )
    assert report["duration"] >= 0.3


def test_silence_is_reported_soon_and_output_without_silence_at_intervals(capture: Capture) -> None:
    silent = capture(["sh", "-c", "echo a; sleep 0.3; echo b; sleep 0.3"])
    assert silent["idle"] == 3  # after each line, and at the end
    steady = capture(["sh", "-c", "for i in $(seq 60); do echo $i; sleep 0.02; done"])
    assert 3 <= steady["idle"] <= 30  # of 60 lines; 5 on a machine that does nothing else


def test_ticks_come_at_most_five_times_a_second(capture: Capture) -> None:
    report = capture(["sh", "-c", "for i in $(seq 50); do echo $i; sleep 0.02; done"])
    assert 3 <= report["ticks"] <= report["duration"] * 5 + 1


# Standard input, folder, environment


def test_standard_input_is_passed_through(capture: Capture, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(bytes(range(256)) * 1000)
    with (tmp_path / "in").open("rb") as file:
        report = capture(["cat"], stdin=file)
    assert report["out"] == bytes(range(256)) * 1000


def test_a_closed_standard_input_reads_as_empty(tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    arguments = _arguments(result, ["sh", "-c", "cat; echo done; ls /dev/fd/ >&2"])
    subprocess.run(
        ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *arguments], timeout=30, check=False
    )
    assert _report(result)["out"] == b"done\n"


def test_the_folder_and_variables_are_the_commands(capture: Capture, tmp_path: Path) -> None:
    report = capture(
        ["sh", "-c", 'pwd; echo "$SLIP_TEST $HOME"'], cwd=str(tmp_path), env={"SLIP_TEST": "a=b c"}
    )
    folder, variables = report["out"].decode().splitlines()
    assert Path(folder).samefile(tmp_path)
    assert variables == f"a=b c {os.environ.get('HOME', '')}"


def test_inherited_descriptors_reach_the_command_as_makes_job_server_needs(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"token")
    os.close(writing)
    result = tmp_path / "result.json"
    arguments = _arguments(result, ["sh", "-c", f"cat /dev/fd/{reading}"])
    subprocess.run(arguments, pass_fds=[reading], timeout=30, check=True, stdout=subprocess.DEVNULL)
    os.close(reading)
    assert _report(result)["out"] == b"token"


def test_the_command_has_the_default_action_for_a_broken_pipe(capture: Capture) -> None:
    report = capture(["sh", "-c", "yes | head -n 1"])
    assert (report["out"], report["err"]) == (b"y\n", b"")


# Exit status


@pytest.mark.parametrize("status", [0, 1, 3, 127, 255])
def test_the_status_is_the_commands_own(capture: Capture, status: int) -> None:
    report = capture(["sh", "-c", f"exit {status}"])
    assert (report["status"], report["signal"], report["drained"]) == (status, None, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGINT])
def test_a_signal_gives_128_and_its_number_as_in_a_shell(capture: Capture, number: int) -> None:
    report = capture(python(f"import os\nos.kill(os.getpid(), {int(number)})"))
    assert (report["status"], report["signal"]) == (128 + number, number)
    assert not report["oom"]


# Commands that cannot be started


def test_an_unknown_command_is_127_and_names_the_nearest(capture: Capture, tmp_path: Path) -> None:
    tool = tmp_path / "frobnicate"
    tool.touch(mode=0o755)
    report = capture(["frobnicte"], env={"PATH": str(tmp_path)})
    assert (report["kind"], report["exit"]) == ("CommandError", 127)
    assert report["error"] == (
        "The command frobnicte was not found on PATH; did you mean frobnicate?"
    )


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["echo a b"], "slip run -- echo a b"),
        (["cd", "/tmp"], "slip run -- sh -c 'cd /tmp'"),
        (["./missing/tool"], "check its path"),
        (["zzqqxxzz"], "check its spelling"),
    ],
)
def test_what_to_do_is_said_for_each_kind_of_unknown_command(
    capture: Capture, command: list[str], sentence: str
) -> None:
    report = capture(command)
    assert report["exit"] == 127
    assert sentence in report["error"]


def test_a_file_without_permission_a_folder_and_a_lost_interpreter_are_126(
    capture: Capture, tmp_path: Path
) -> None:
    plain, script = tmp_path / "plain", tmp_path / "script"
    plain.write_text("echo\n")
    script.write_text("#!/missing/interpreter\n")
    script.chmod(0o755)
    for command, sentence in (
        (str(plain), "chmod +x"),
        (str(tmp_path), "is a folder"),
        (str(script), "/missing/interpreter does not exist"),
    ):
        report = capture([command])
        assert report["exit"] == 126
        assert sentence in report["error"]


def test_a_script_without_an_interpreter_line_runs_as_in_a_shell(
    capture: Capture, tmp_path: Path
) -> None:
    script = tmp_path / "script"
    script.write_text('echo "$1"\n')
    script.chmod(0o755)
    assert capture([str(script), "hello"])["out"] == b"hello\n"


def test_a_missing_folder_is_not_found_and_a_file_is_not_a_folder(
    capture: Capture, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "missing", tmp_path / "file"):
        report = capture(["true"], cwd=str(folder))
        assert (report["kind"], report["exit"]) == ("NotFoundError", 4)
        assert str(folder) in report["error"]


@pytest.mark.parametrize("command", [[], [""], ["echo", "a\0b"]])
def test_an_empty_command_or_one_with_nul_is_a_usage_error(
    capture: Capture, command: list[str]
) -> None:
    report = capture(command)
    assert (report["kind"], report["exit"]) == ("UsageError", 2)


def test_too_many_arguments_are_one_sentence(capture: Capture, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    driver = DRIVER.replace('options["command"]', '["echo", *["x" * 100_000] * 100]')
    arguments = _arguments(result, [])
    arguments[2] = driver
    subprocess.run(arguments, timeout=30, check=True, stdout=subprocess.DEVNULL)
    assert _report(result)["exit"] == 126


# Time-outs and signals


def test_a_time_out_ends_the_whole_group_and_is_124(capture: Capture) -> None:
    report = capture(
        ["sh", "-c", "sleep 60 & echo $!; sh -c 'sleep 60 & echo $!; wait' & wait"], timeout=0.5
    )
    assert (report["status"], report["signal"], report["timed_out"]) == (124, 15, True)
    assert report["duration"] < 10
    assert all(gone(int(pid)) for pid in report["out"].split())


def test_a_command_that_ended_before_it_was_looked_at_did_not_time_out(capture: Capture) -> None:
    """What we import meanwhile may take longer than the time-out; its duration is its own."""
    report = capture(["true"], timeout=1, late=1.2)
    assert (report["status"], report["timed_out"]) == (0, False)
    assert report["duration"] < 1


def test_a_time_out_cuts_nothing_off_a_command_that_ended_before_it(capture: Capture) -> None:
    report = capture(
        python("import os\nfor _ in range(100): os.write(1, b'x' * 20_000), os.write(2, b'y')"),
        timeout=2,
        late=1.5,
        slow=0.03,
    )
    assert (report["status"], report["timed_out"], report["drained"]) == (0, False, True)
    assert report["sizes"] == [2_000_000, 100]


def test_what_ignores_sigterm_is_killed_after_the_grace_period(capture: Capture) -> None:
    code = (
        "import os, signal, time\n"
        "signal.signal(15, signal.SIG_IGN)\n"
        "if os.fork() == 0: os.close(1), os.close(2), time.sleep(60)\n"
        "print(os.getpid(), flush=True)\n"
        "time.sleep(60)"
    )
    report = capture(python(code), timeout=1, grace=0.5)
    assert (report["status"], report["signal"], report["timed_out"]) == (124, 9, True)
    assert not report["oom"]
    assert 1.4 < report["duration"] < 20


def test_a_grandchild_that_ignores_sigterm_ends_although_the_command_obeyed(
    capture: Capture, tmp_path: Path
) -> None:
    code = (
        "import os, signal, time\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    signal.signal(15, signal.SIG_IGN)\n"
        "    os.close(1), os.close(2), time.sleep(60)\n"
        "print(pid, flush=True)\n"
        "time.sleep(60)"
    )
    report = capture(python(code), timeout=1, grace=0.3)
    assert (report["status"], report["signal"], report["drained"]) == (124, 15, True)
    wait_until(lambda: gone(int(report["out"])))


def test_a_stopped_command_ends_at_the_time_out_as_well(capture: Capture) -> None:
    report = capture(python("import os\nos.kill(os.getpid(), 19)"), timeout=0.4, grace=3)
    assert (report["status"], report["signal"]) == (124, 15)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_is_passed_on_and_the_rest_of_the_output_is_still_read(
    background: Background, number: int, tmp_path: Path
) -> None:
    script = f"trap 'echo caught; exit 7' {int(number)}; echo ready; : > {tmp_path}/ready; "
    running = background(["sh", "-c", script + "sleep 60 & wait"])
    wait_until((tmp_path / "ready").exists)
    running.process.send_signal(number)
    report = running.report()
    assert (report["out"], report["status"]) == (b"ready\ncaught\n", 7)
    assert running.process.returncode == 0


def test_a_second_interrupt_ends_a_command_that_ignores_the_first(
    background: Background, tmp_path: Path
) -> None:
    running = background(["sh", "-c", f"trap '' INT; : > {tmp_path}/ready; sleep 60"])
    wait_until((tmp_path / "ready").exists)
    running.process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    assert running.process.poll() is None
    running.process.send_signal(signal.SIGINT)
    report = running.report(5)
    assert (report["status"], report["signal"], report["timed_out"]) == (143, 15, False)


def test_a_third_interrupt_kills(background: Background, tmp_path: Path) -> None:
    script = f"trap '' INT TERM; : > {tmp_path}/ready; while :; do sleep 1; done"
    running = background(["sh", "-c", script])
    wait_until((tmp_path / "ready").exists)
    for _ in range(3):  # two that come together count as one
        running.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    report = running.report(5)
    assert (report["status"], report["oom"]) == (137, False)


def test_a_signal_that_is_ignored_here_stays_ignored(tmp_path: Path) -> None:
    """As nohup does it: neither we nor the command see the signal."""
    result = tmp_path / "result.json"
    arguments = _arguments(result, ["sh", "-c", "kill -HUP $$; echo alive"])
    subprocess.run(
        ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *arguments],
        timeout=30, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert _report(result)["out"] == b"alive\n"


@pytest.mark.usefixtures("unmeasured")
def test_a_command_ends_when_we_are_killed_and_it_goes_on_writing(background: Background) -> None:
    running = background(["yes"], keep=False)
    time.sleep(0.2)
    running.process.kill()
    wait_until(lambda: gone(running.pid))


def test_signals_in_the_first_moments_are_passed_on_and_not_lost(tmp_path: Path) -> None:
    """The command is ended, whenever the signal comes: before, while or after it is spawned."""
    code = DRIVER.replace("child = start", "print('starting', flush=True)\n    child = start")
    for delay in (0.0, 0.001, 0.003, 0.006, 0.01, 0.02):
        result = tmp_path / f"{delay}.json"
        arguments = _arguments(result, ["sleep", "61.5"])
        arguments[2] = code
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=10)[0]
        if b"finished" in output:
            assert _report(result)["signal"] == signal.SIGTERM
        else:  # before anything was spawned
            assert process.returncode == -signal.SIGTERM
            assert b"started" not in output


# Processes that outlive the command


def test_output_of_a_background_process_is_read_until_it_ends(capture: Capture) -> None:
    report = capture(["sh", "-c", "(sleep 1; echo late) & echo early"])
    assert (report["out"], report["drained"]) == (b"early\nlate\n", True)
    assert report["duration"] < 1


def test_a_background_process_that_holds_the_output_is_left_after_the_drain_time(
    capture: Capture,
) -> None:
    began = time.monotonic()
    report = capture(["sh", "-c", "sleep 60 & echo $!"], drain=0.4)
    pid = int(report["out"])
    assert (report["status"], report["drained"]) == (0, False)
    assert time.monotonic() - began < 20
    assert not gone(pid)
    os.kill(pid, signal.SIGKILL)


def test_a_process_that_left_the_group_cannot_keep_us_after_a_time_out(capture: Capture) -> None:
    code = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    end = time.monotonic() + 20\n"
        "    while time.monotonic() < end: os.write(1, b'.'); time.sleep(0.05)\n"
        "    os._exit(0)\n"
        "time.sleep(60)"
    )
    began = time.monotonic()
    report = capture(python(code), timeout=1.5, grace=0.3)
    assert (report["status"], report["drained"]) == (124, False)
    assert time.monotonic() - began < 18


# Several at once


def test_ten_at_once_lose_nothing(background: Background) -> None:
    running = [
        background(["sh", "-c", f"seq {n * 1000} $((({n} + 1) * 1000)); seq 5 >&2; exit {n}"])
        for n in range(10)
    ]
    for n, one in enumerate(running):
        report = one.report()
        assert report["out"].split() == [b"%d" % i for i in range(n * 1000, (n + 1) * 1000 + 1)]
        assert (report["err"], report["status"]) == (b"1\n2\n3\n4\n5\n", n)


# Out of memory


def test_an_out_of_memory_kill_is_told_from_another_kill(capture: Capture, tmp_path: Path) -> None:
    root = Path("/sys/fs/cgroup")
    if (root / "memory").is_dir():
        parent, limit = root / "memory", "memory.limit_in_bytes"
    else:
        parent, limit = root, "memory.max"
    group = parent / f"slip-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / limit).write_text(str(96 << 20))
    except OSError as error:
        if group.is_dir():
            group.rmdir()
        pytest.skip(f"no control group can be made here: {error}")
    result = tmp_path / "result.json"
    hog = python("import time\ndata = bytearray(b'x') * (1 << 30)\ntime.sleep(9)")
    arguments = _arguments(result, hog)
    join = f'echo $$ > {group}/cgroup.procs && exec "$@"'
    try:
        subprocess.run(["sh", "-c", join, "sh", *arguments], timeout=30, check=False)
        report = _report(result)
    finally:
        wait_until(lambda: not (group / "cgroup.procs").read_text())
        group.rmdir()
    assert (report["status"], report["signal"], report["oom"]) == (137, 9, True)


# Terminals


class Session(NamedTuple):
    """A terminal with a session of its own, as a person has it."""

    pid: int
    fd: int

    def read_until(self, text: bytes, seconds: float = 10) -> bytes:
        import select

        seen = b""
        end = time.monotonic() + seconds
        while text not in seen:
            left = end - time.monotonic()
            assert left > 0, f"{text!r} did not come: {seen!r}"
            if select.select([self.fd], [], [], left)[0]:
                seen += os.read(self.fd, 4096)
        return seen

    def write(self, data: bytes) -> None:
        os.write(self.fd, data)


@pytest.fixture
def terminal() -> Iterator[Callable[[list[str]], Session]]:
    """Start a command as the leader of a session on a new terminal."""
    sessions: list[Session] = []

    def run(command: list[str]) -> Session:
        # Not pty.fork, which would fork a test process that may have threads.
        main, other = os.openpty()
        code = (
            "import fcntl, os, sys, termios\n"
            "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
            "os.execvp(sys.argv[1], sys.argv[1:])"
        )
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", code, *command],
            stdin=other, stdout=other, stderr=other, start_new_session=True,
        )  # fmt: skip
        os.close(other)
        processes.append(process)
        session = Session(process.pid, main)
        sessions.append(session)
        return session

    processes: list[subprocess.Popen[bytes]] = []
    yield run
    for process, session in zip(processes, sessions, strict=True):
        process.kill()
        os.close(session.fd)
        process.wait()


Terminal = Callable[[list[str]], Session]


def test_a_command_reads_what_is_typed_and_gives_the_terminal_back(
    terminal: Terminal, tmp_path: Path
) -> None:
    result = tmp_path / "result.json"
    ask = 'echo started >&2; read line < /dev/tty; echo "got $line"; read more; echo "and $more"'
    both = [*_arguments(result, ["sh", "-c", ask])]
    session = terminal(["sh", "-c", '"$@"; read last; echo "back $last"', "sh", *both])
    session.read_until(b"started")
    session.write(b"one\n")
    session.write(b"two\n")
    session.read_until(b"finished")
    session.write(b"three\n")
    session.read_until(b"back three")
    assert _report(result)["out"] == b"got one\nand two\n"


def test_ctrl_c_reaches_the_command_alone_and_the_summary_is_still_given(
    terminal: Terminal, tmp_path: Path
) -> None:
    result = tmp_path / "result.json"
    script = f"echo ready; : > {tmp_path}/ready; sleep 60"
    session = terminal(_arguments(result, ["sh", "-c", script]))
    wait_until((tmp_path / "ready").exists)
    session.read_until(b"started")
    session.write(b"\x03")
    session.read_until(b"finished")
    report = _report(result)
    assert (report["status"], report["signal"], report["out"]) == (130, 2, b"ready\n")


def test_the_modes_of_the_terminal_are_put_back_after_a_command_was_killed(
    terminal: Terminal, tmp_path: Path
) -> None:
    result = tmp_path / "result.json"
    command = ["sh", "-c", "stty -echo raw; kill -9 $$"]
    script = '"$@"; stty -a | tr " " "\\n" | grep -x -e -\\\\?echo -e -\\\\?icanon; echo over'
    session = terminal(["sh", "-c", script, "sh", *_arguments(result, command)])
    seen = session.read_until(b"over").split(b"finished")[1].split()
    assert seen == [b"icanon", b"echo", b"over"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_ctrl_z_stops_both_and_fg_continues_both(terminal: Terminal, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    script = tmp_path / "job.sh"
    quoted = " ".join(
        f"'{a}'" for a in _arguments(result, ["sh", "-c", "sleep 0.5; read a; echo $a"])
    )
    script.write_text(
        quoted.replace("'" + DRIVER + "'", f"{tmp_path}/driver.py").replace("'-c' ", "", 1)
    )
    (tmp_path / "driver.py").write_text(DRIVER)
    session = terminal(["bash", "--norc", "--noprofile", "-i"])
    session.write(f". {script}\n".encode())
    session.read_until(b"started")
    session.write(b"\x1a")
    session.read_until(b"Stopped")
    session.write(b"fg\n")
    time.sleep(0.2)
    session.write(b"typed\n")
    session.read_until(b"finished")
    assert _report(result)["out"] == b"typed\n"


def test_in_a_pipeline_the_terminal_stays_with_the_pager_until_the_command_asks(
    terminal: Terminal, tmp_path: Path
) -> None:
    """`slip run … | less`: less must be able to read the keys."""
    result = tmp_path / "result.json"
    command = _arguments(
        result, ["sh", "-c", "echo a; sleep 0.5; read line < /dev/tty; echo $line"]
    )
    pager = "read key < /dev/tty; echo pager $key; cat"
    session = terminal(["sh", "-c", f'"$@" | (sleep 0.2; {pager})', "sh", *command])
    session.write(b"k\n")
    session.read_until(b"pager k")
    session.write(b"answer\n")
    session.read_until(b"finished")
    assert _report(result)["out"] == b"a\nanswer\n"
