"""What becomes of the logs when several write, the disk is full, or something is killed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import Slip
from tests.e2e.conftest import SLIP, footer, stored

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits and mounts")
FAILING = "print('error: boom\\n' * 3); raise SystemExit(7)"


def run(code: str, **options: object) -> subprocess.CompletedProcess[str]:
    """`slip run` of some Python."""
    command = [*SLIP, "run", "--", sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)  # type: ignore[call-overload,no-any-return]


def at_once(codes: list[str]) -> list[subprocess.CompletedProcess[str]]:
    """Several `slip run` at the same time."""
    with ThreadPoolExecutor(len(codes)) as pool:
        return list(pool.map(run, codes))


def test_ten_at_once_lose_nothing(home: Path, slip: Slip) -> None:
    """Every summary is shown, every log is there, and nothing is complained of."""
    codes = [f"print('log {n}\\n' * 5000); raise SystemExit({n})" for n in range(10)]
    done = at_once(codes)
    assert [d.returncode for d in done] == list(range(10))
    assert [d.stderr for d in done] == [""] * 10
    for number, one in enumerate(done):
        assert stored(footer(one.stdout).log) == f"log {number}\n".encode() * 5000 + b"\n"
    assert len(json.loads(slip("log", "list", "--json").stdout)) == 10
    assert len(json.loads(slip("summary", "list", "--json").stdout)) == 10


def test_several_first_runs_at_once_make_one_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slip: Slip
) -> None:
    """Each makes the database and compiles the rules, and none gets in the way of another."""
    monkeypatch.setenv("SLIPSTREAM_HOME", str(tmp_path / "new" / "home"))
    done = at_once([f"print('error: {n}'); raise SystemExit(1)" for n in range(4)])
    assert [(d.returncode, d.stderr) for d in done] == [(1, "")] * 4
    assert all(footer(d.stdout).complete for d in done)
    assert len(json.loads(slip("log", "list", "--json").stdout)) == 4


def shown_but_not_kept(done: subprocess.CompletedProcess[str]) -> None:
    """The summary is there, says that the log is not, and the command's status stands."""
    assert done.returncode == 7
    assert "error: boom" in done.stdout
    assert "could not be kept" in done.stdout
    last = footer(done.stdout)
    assert not last.complete
    assert last.log == "-"


def test_a_file_in_place_of_the_data_folder_does_not_cost_the_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warning says that the log could not be kept."""
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("SLIPSTREAM_HOME", str(file))
    shown_but_not_kept(run(FAILING))
    monkeypatch.setenv("SLIPSTREAM_HOME", str(file / "below"))
    shown_but_not_kept(run(FAILING))


@posix
def test_a_file_size_limit_does_not_cost_the_summary(home: Path) -> None:
    """As on a full disk, every write past it fails."""
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, 16_384))

    code = "import os, base64\nfor _ in range(400): print(base64.b64encode(os.urandom(3000)))\n"
    shown_but_not_kept(run(code + FAILING, preexec_fn=limit))
    done = run(FAILING)
    assert footer(done.stdout).complete
    assert stored() == b"error: boom\n" * 3 + b"\n"


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=3m,mode=0700", "tmpfs", str(folder)]
    if mount is None or subprocess.run([mount, *options], capture_output=True).returncode:
        pytest.skip("no permission to mount a small file system")
    return folder


@posix
def test_a_full_disk_does_not_cost_the_summary(
    small_disk: Path, compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor do logs that were kept before come to harm, and later ones are kept again."""
    home = small_disk / "home"
    monkeypatch.setenv("SLIPSTREAM_HOME", str(home))
    try:
        home.mkdir()
        shutil.copytree(compiled, home / "cache")
        first = run("print('first')")
        assert footer(first.stdout).complete
        filler = small_disk / "filler"
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        code = "import os, base64\nfor _ in range(400): print(base64.b64encode(os.urandom(3000)))\n"
        shown_but_not_kept(run(code + FAILING))
        assert stored(footer(first.stdout).log) == b"first\n"
        filler.unlink()
        assert footer(run("print('later')").stdout).complete
        assert stored() == b"later\n"
    finally:
        subprocess.run(["umount", "-l", str(small_disk)], check=True)


@posix
def test_a_read_only_data_folder_does_not_cost_the_summary(
    tmp_path: Path, compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what was kept before can be read."""
    home = tmp_path / "disk"
    shutil.copytree(compiled, home / "cache")
    monkeypatch.setenv("SLIPSTREAM_HOME", str(home))
    first = run("print('first')")
    assert footer(first.stdout).complete
    if os.geteuid():
        for path in (*home.rglob("*"), home):
            path.chmod(path.stat().st_mode & ~0o222)
        undo = None
    else:
        bind = subprocess.run(["mount", "--bind", home, home], capture_output=True)
        if bind.returncode:
            pytest.skip("root, and no permission to mount: nothing is read-only")
        subprocess.run(["mount", "-o", "remount,ro,bind", home], check=True)
        undo = ["umount", "-l", str(home)]
    try:
        shown_but_not_kept(run(FAILING))
        assert stored(footer(first.stdout).log) == b"first\n"
    finally:
        if undo:
            subprocess.run(undo, check=True)
        else:
            for path in (home, *home.rglob("*")):
                path.chmod(path.stat().st_mode | 0o200)


MEASURED = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE).returncode
print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@posix
@pytest.mark.parametrize(
    "line", ["'x' * 99", "'a.c:%d:1: error: boom' % n"], ids=["dull", "errors"]
)
def test_a_large_output_takes_little_memory(line: str, home: Path) -> None:
    """200 MB, of which 150 MB would not fit."""
    code = (
        "import sys\n"
        "for start in range(0, 2_000_000, 10_000):\n"
        f"    text = '\\n'.join({line} for n in range(start, start + 10_000))\n"
        "    sys.stdout.write(text.ljust(999_999) + '\\n')\n"
    )
    slip = [*SLIP, "run", "--", sys.executable, "-c", code]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *slip], capture_output=True, text=True, timeout=120
    )
    status, peak = map(int, done.stdout.split())
    peak_mb = peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    assert status == 0
    assert peak_mb < 150


@posix
def test_nobody_else_can_read_what_is_kept(home: Path, slip: Slip) -> None:
    """Logs hold secrets; that holds whatever the umask."""
    before = os.umask(0)
    try:
        for size in (1, 100_000):  # the larger one is kept as a file
            log = "".join(f"{n * n}\n" for n in range(size))
            assert slip("summarize", "-", input=log).returncode == 0
    finally:
        os.umask(before)
    kept = [home, *home.rglob("*")]
    assert {".db", ".slz", ".rules", ".json"} <= {path.suffix for path in kept}
    assert [path for path in kept if path.stat().st_mode & 0o077] == []
