"""What a program in the sandbox can and cannot do."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking.quality import sandbox
from slipstream.tasks.benchmarking.quality.sandbox import Ended, Limits

held = pytest.mark.skipif(
    bool(sandbox.missing()), reason=f"needs what this platform cannot limit: {sandbox.missing()}"
)
FEW = Limits(cpu_seconds=1, wall_seconds=30)


def run(program: str, limits: Limits = FEW) -> Ended:
    return sandbox.run({"main.py": program}, "main.py", limits)


@held
def test_a_program_runs_in_a_folder_of_its_own() -> None:
    """It may read and write there, and its input and output are its own."""
    program = (
        "import os, sys\n"
        "open('x', 'w').write(sys.stdin.read())\n"
        "print(open('x').read(), os.environ['HOME'] == os.getcwd())"
    )
    ended = sandbox.run({"main.py": program}, "main.py", FEW, given="hello")
    assert ended == Ended(0, "hello True\n", "", "")


@held
@pytest.mark.usefixtures("unmeasured")
def test_it_inherits_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of the user's stay with the user."""
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    ended = run("import os; print(sorted(os.environ))")
    assert set(eval(ended.output)) <= {"HOME", "LANG", "LC_CTYPE", "PYTHONHASHSEED", "TMPDIR"}


@held
def test_nothing_outside_its_folder_is_read_or_written(tmp_path: Path) -> None:
    """Neither the user's files nor the system's."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    for program in (
        f"print(open({str(secret)!r}).read())",
        f"open({str(secret)!r}, 'w').write('gone')",
        f"import os; os.remove({str(secret)!r})",
        "print(open('/etc/passwd').read())",
        f"import os; os.symlink({str(secret)!r}, 'link'); print(open('link').read())",
    ):
        ended = run(program)
        assert (ended.status, ended.output) == (1, "")
        assert "PermissionError" in ended.errors
    assert secret.read_text() == "secret"


@held
@pytest.mark.parametrize("kind", ["AF_UNIX", "AF_INET", "AF_NETLINK"])
def test_no_socket_is_made(kind: str, tmp_path: Path) -> None:
    """By one in the file system a service manager would start whatever it is told to."""
    import socket

    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        ended = run(f"import socket; socket.socket(socket.{kind}).connect({path!r})")
    assert (ended.status, ended.output) == (1, "")
    assert "PermissionError" in ended.errors


@held
def test_programs_may_use_what_asyncio_needs() -> None:
    """Pairs of sockets, threads, processes."""
    program = (
        "import asyncio, subprocess, sys\n"
        "async def main():\n"
        "    await asyncio.to_thread(print, 'thread', flush=True)\n"
        "    made = await asyncio.create_subprocess_exec(sys.executable, '-c', 'print(1)')\n"
        "    await made.wait()\n"
        "asyncio.run(main())"
    )
    assert run(program) == Ended(0, "thread\n1\n", "", "")


@held
def test_there_is_no_network() -> None:
    """Not even loopback."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        ended = run(f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)")
    assert ended.status == 1
    assert "Error" in ended.errors


@held
@pytest.mark.parametrize(
    ("program", "limit"),
    [
        ("while True: pass", "1 s of processor time"),
        ("a = bytearray(10**10)", "512 MiB of memory"),
        ("open('x', 'wb').write(bytes(10**8))", "8 MiB into a file"),
    ],
    ids=["time", "memory", "file"],
)
def test_a_limit_that_is_met_is_named(program: str, limit: str) -> None:
    """And ends the program."""
    ended = run(program)
    assert ended.status != 0
    assert limit in ended.limit


@held
def test_what_waits_is_ended_by_the_clock() -> None:
    """It uses no processor time."""
    ended = run("import time; time.sleep(600)", FEW._replace(wall_seconds=1.5))
    assert "more than 1.5 s" in ended.limit


@held
def test_what_it_leaves_behind_is_ended_with_it(tmp_path: Path) -> None:
    """Also a process that left its group."""
    program = (
        "import os, time\n"
        "if os.fork(): time.sleep(0.2); os._exit(0)\n"
        "os.setsid()\n"
        "if os.fork(): os._exit(0)\n"
        "os.execv('/proc/self/exe', ['python', '-S', '-c', 'import time; time.sleep(4321.5)'])\n"
    )
    assert run(program).status == 0
    left = [
        path
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if b"4321.5" in _read(path) and b"slip-sandbox" not in _read(path)
    ]
    assert not left


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@held
def test_its_output_is_cut_to_its_end() -> None:
    """Whatever it prints, little is kept."""
    ended = run("print('a' * 200_000); print('end')")
    assert len(ended.output) == sandbox.MOST_OUTPUT
    assert ended.output.endswith("end\n")


def test_where_something_cannot_be_limited_code_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Unless that is asked for."""
    monkeypatch.setattr(sandbox, "missing", lambda: ("network (not permitted)",))
    with pytest.raises(UsageError, match=r"cannot limit network .*--allow-unlimited"):
        sandbox.check()
    sandbox.check(unlimited=True)


def test_a_limit_that_fails_while_it_is_set_stops_the_program() -> None:
    """It does not begin; with leave it runs."""
    wrong = FEW._replace(open_files=10**12)  # more than a kernel has
    with pytest.raises(UsageError, match="cannot limit processor time and memory"):
        run("print(1)", wrong)
    ended = sandbox.run({"main.py": "print(1)"}, "main.py", wrong, unlimited=True)
    assert ended.output == "1\n"


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_what_is_missing_is_told_with_its_reason() -> None:
    """By trying it, in a process of its own."""
    assert all("(" in lacking for lacking in sandbox.missing())
    assert os.getpid()  # this process has lost nothing
    assert Path("/etc/passwd").read_text()
