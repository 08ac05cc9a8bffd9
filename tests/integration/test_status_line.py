"""What a person sees on standard error while a command runs, on a real terminal."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")

CODE = """
import sys, time
from slipstream.tasks.summarization import status_line
line = status_line.StatusLine()
line._began -= 75
line.update(1234, 1)
line.clear()
print("after", file=sys.stderr, flush=True)
"""


def shown(environment: dict[str, str], code: str = CODE, columns: int = 80) -> bytes:
    """What the code writes to a terminal that is its standard error."""
    import fcntl
    import struct
    import termios

    main, other = os.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    inherited = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
    subprocess.run(
        [sys.executable, "-c", code],
        stderr=other, env={**inherited, **environment}, check=True, timeout=30,
    )  # fmt: skip
    os.close(other)
    seen = b""
    with contextlib.suppress(OSError):  # Linux: the other side is closed
        while data := os.read(main, 4096):
            seen += data
    os.close(main)
    return seen


def test_the_line_shows_time_lines_and_errors_and_leaves_nothing_behind() -> None:
    assert shown({"TERM": "xterm"}) == (
        b"\rslip: 1 min 15 s, 1,234 lines, 1 error\x1b[K\r\x1b[Kafter\r\n"
    )


def test_the_line_is_cut_to_the_width_of_the_terminal() -> None:
    assert shown({"TERM": "xterm"}, columns=12).startswith(b"\rslip: 1 min\x1b[K")


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {}, {"TERM": "xterm", "NO_COLOR": "1"}])
def test_nothing_is_shown_in_a_dumb_terminal_or_with_no_color(environment: dict[str, str]) -> None:
    assert shown(environment) == b"after\r\n"


def test_nothing_is_shown_where_standard_error_is_no_terminal() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], stderr=subprocess.PIPE, check=True)
    assert done.stderr == b"after\n"


def test_a_short_command_does_not_flicker() -> None:
    assert shown({"TERM": "xterm"}, CODE.replace("75", "0")) == b"after\r\n"


def test_tee_writes_all_bytes_to_a_reader_that_is_slow_and_non_blocking() -> None:
    code = (
        "import os\n"
        "from slipstream.tasks.summarization.status_line import tee\n"
        "os.set_blocking(2, False)\n"
        "for i in range(100): tee(bytes([i]) * 10_000)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    assert process.stderr is not None
    time.sleep(0.3)
    assert process.stderr.read() == b"".join(bytes([i]) * 10_000 for i in range(100))
    assert process.wait() == 0


def test_tee_goes_on_when_its_reader_has_gone_away() -> None:
    code = (
        "import os\n"
        "from slipstream.tasks.summarization.status_line import tee\n"
        "reading, writing = os.pipe()\n"
        "os.dup2(writing, 2)\n"
        "os.close(reading)\n"
        "tee(b'x')\n"
        "print('alive')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    assert done.stdout.split() == [b"alive"]
