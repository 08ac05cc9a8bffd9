"""`slip demo`: what Slipstream does, on a small real project with real failures, offline.

Everything happens in a temporary folder, the logs are kept there as well, and all of it is gone at
the end. Every command that is shown is run as a process of its own, as it would be by hand.
"""

from __future__ import annotations

import csv
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import typer

from slipstream.cli import output
from slipstream.cli.demo_project import FILES
from slipstream.storage.errors import SlipError
from slipstream.storage.paths import home_path

WIDTH = 80
BOLD, DIM, RED, CYAN = "1", "2", "1;31", "1;36"


class Stage(NamedTuple):
    """Where the demo plays."""

    project: Path
    home: Path
    """The data folder of the demo's own."""


class Shown(NamedTuple):
    """A summary that was shown, by its last line."""

    log: str
    size: int
    """Bytes that the command printed."""
    lines: int
    shown: int
    """Bytes of the summary."""


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("demo")(demo)


def demo() -> int:
    """Show what Slipstream does, on a small project with real failures. Takes some seconds.

    Nothing is installed, no connection is opened, and nothing is left behind.

    \b
    slip demo
    """
    print("Real tools run on a small project that has mistakes, in a temporary folder.")
    with tempfile.TemporaryDirectory(prefix="slip-demo-") as folder:
        stage = Stage(Path(folder, "project"), Path(folder, "home"))
        make_project(stage.project)
        for number, (title, step) in enumerate(STEPS, 1):
            heading = f"━━ {number}. {title} "
            print("\n" + output.style(heading + "━" * (WIDTH - len(heading)), BOLD))
            step(stage)
    print(
        "\nThe demo's folder is gone again. Your own logs will be kept in\n"
        f"{home_path()}. Try it:\n\n  slip run -- YOUR COMMAND"
    )
    return 0


def summaries(stage: Stage) -> None:
    """Show the summaries of failing tools, and how little they are of what was printed."""
    shown = [run(stage, *command) for command in commands()]
    printed, kept = sum(one.size for one in shown), sum(one.shown for one in shown)
    say(
        f"{len(shown)} commands printed {output.bytes_text(printed)}; their summaries take "
        f"{output.bytes_text(kept)}, and every failure is in them."
    )


def full_log(stage: Stage) -> None:
    """Show that every line can be read again, and that the log is the output byte for byte."""
    again = stage.project / "again.txt"
    shown = footer(slip(stage, "run", "--", *LONG))
    say("A summary names the lines that it was made from. Read them in the full log:")
    show(stage, "log", shown.log, "--lines", "9336:9338")
    say("Search it, with the lines around each match:")
    show(stage, "log", shown.log, "--grep", " ERROR |done:", "-C", "1")
    say("It is what the command printed, byte for byte. Here the command runs without slip:")
    prompt("python import_list.py > direct.txt")
    direct = subprocess.run(LONG, cwd=stage.project, capture_output=True, check=False).stdout
    show(stage, "log", shown.log, "--output", again.name)
    prompt("cmp direct.txt again.txt")
    if again.read_bytes() != direct:
        raise SlipError("The stored log is not what the command printed.")
    print(f"\nNo difference in {len(direct):,} bytes and {shown.lines:,} lines.")


def code(stage: Stage) -> None:
    """Show that what was read once is not read again, and that nothing stale is found."""
    if shutil.which("git"):
        for arguments in (("init", "-q"), ("add", "."), (*NOBODY, "commit", "-qm", "First")):
            subprocess.run(["git", *arguments], cwd=stage.project, check=True)
    show(stage, "search", "total price", "--limit", "4")
    say("The repository was indexed on the way. A line is added above; the answer follows:")
    prices = stage.project / "shop" / "prices.py"
    prompt("sed -i '1i # Checked in March.' shop/prices.py")
    prices.write_text("# Checked in March.\n" + prices.read_text("utf-8"), encoding="utf-8")
    show(stage, "search", "total", "--mode", "symbol", "--limit", "1")
    say("Nothing was read on the way but the changed file, and nothing is left to be read:")
    show(stage, "cache", "warm")
    say("What the project is about, in 400 bytes:")
    show(stage, "map", "--max-bytes", "400")


def speed(stage: Stage) -> None:
    """Show how a model server is measured, on the simulated one, whose times are known."""
    say(
        "No server is named, so a simulated one is measured. It is set to 50 ms to the first\n"
        "token (ttft) and 10 ms from each token to the next (itl):"
    )
    options = ("-b", "sweep", "-c", "1,8", "-n", "24", "--output-tokens", "16", "--no-calibrate")
    prompt(" ".join(("slip bench run", *options)))
    lines = slip(stage, "-q", "bench", "run", *options).splitlines()
    for row in csv.DictReader(lines, delimiter="\t"):
        print(", ".join(f"{name} {row[name]}" for name in FIGURES if row[name]))
    samples = slip(stage, "bench", "export", "--format", "samples").splitlines()
    say(
        f"Every request is kept with the moment of every chunk: {len(samples) - 1} here. Yours:\n"
        "slip bench run --base-url http://127.0.0.1:8000/v1 --model NAME"
    )


STEPS: tuple[tuple[str, Callable[[Stage], None]], ...] = (
    ("Failures first: what tools print, cut to what matters", summaries),
    ("Nothing is lost: every line can be read again", full_log),
    ("Where it is: read once, found at once, never stale", code),
    ("How fast a model answers: each request timed, none lost", speed),
)
"""Each capability is one function here."""

NOBODY = ("-c", "user.name=demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgsign=false")
LONG = (sys.executable, "import_list.py")
FIGURES = ("load", "n", "ttft p50", "itl p50", "e2e p50", "req/s", "tokens/s")
"""Of a run, in ms and per second."""


def commands() -> list[tuple[str, ...]]:
    """Commands that fail, of the tools that are there."""
    python = sys.executable
    pytest = importlib.util.find_spec("pytest") is not None
    found: list[tuple[str, ...]] = [
        (python, "-m", "pytest", "-v") if pytest else (python, "-m", "unittest", "-v"),
        (python, "report.py", "monday"),
    ]
    if shutil.which("make") and shutil.which("cc"):
        found.append(("make", "labels"))
    if shutil.which("node"):
        found.append(("node", "stock.js"))
    return [*found, LONG]


def make_project(folder: Path) -> None:
    """Write the project's files."""
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")


def run(stage: Stage, *command: str) -> Shown:
    """Show `slip run` of a command that fails.

    Raises:
        SlipError: It did not fail: the demo is wrong.
    """
    shown = footer(show(stage, "run", "--", *command))
    if shown.shown < shown.size:
        say(
            f"↑ {output.bytes_text(shown.size)} in {shown.lines:,} lines came in, "
            f"{output.bytes_text(shown.shown)} are shown."
        )
    return shown


def show(stage: Stage, *arguments: str) -> str:
    """Show a command line of slip and what it prints; give what it prints."""
    prompt("slip " + " ".join(_as_typed(word) for word in arguments))
    text = slip(stage, *arguments)
    for line in text.splitlines():
        print(_painted(line))
    return text


def slip(stage: Stage, *arguments: str) -> str:
    """Run slip in the project, with the demo's data folder; give what it prints.

    Raises:
        SlipError: It did not do its work.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SLIPSTREAM_")}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "slipstream.cli", *arguments],
        cwd=stage.project,
        env=environment | {"SLIPSTREAM_HOME": str(stage.home), "XDG_CONFIG_HOME": str(stage.home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if (arguments[0] == "run") != bool(done.stdout and done.returncode):
        raise SlipError(f"slip {arguments[0]} ended with status {done.returncode} in the demo.")
    return done.stdout


def footer(summary: str) -> Shown:
    """Read the last line of a summary, which is made for programs."""
    line = summary.rstrip("\n").rpartition("\n")[2]
    fields = dict(word.split("=", 1) for word in line.strip("[]").split() if "=" in word)
    size = len(summary.encode()) - 1
    return Shown(fields["log"], int(fields["bytes"]), int(fields["lines"]), size)


def say(text: str) -> None:
    """Print a sentence of the demo's own, set apart from what the tools print."""
    print("\n" + output.style(text, DIM))


def prompt(command: str) -> None:
    """Print a command line as if it were typed."""
    print("\n" + output.style(f"$ {command}", CYAN))


def _as_typed(word: str) -> str:
    """A word of a command line as somebody would type it."""
    return "python" if word == sys.executable else shlex.quote(word)


def _painted(line: str) -> str:
    """A line of a summary with the colours of the demo: the result stands out, the footer not."""
    if line.startswith("# "):
        return output.style(line, RED)
    if line.startswith("## "):
        return output.style(line, BOLD)
    return output.style(line, DIM) if line.startswith(("Full log (", "[slip ")) else line
