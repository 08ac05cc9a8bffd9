"""`slip up` for the service managers of Linux and macOS: a systemd user unit, a launchd plist."""

from __future__ import annotations

import os
import plistlib
import sys
from pathlib import Path

NAME = "slipstream"
STOP_SECONDS = 90
"""Longer than a flow has to end once it is cancelled, and the server after it."""
KEPT = ("SLIPSTREAM_CONFIG",)
"""Variables that a service has to have from here, besides the data folder's."""

SYSTEMD = """\
# ~/.config/systemd/user/{name}.service
#   systemctl --user daemon-reload && systemctl --user enable --now {name}
#   loginctl enable-linger    keeps it running while you are logged out
[Unit]
Description=Slipstream: Prefect's server, and the runner of its flows

[Service]
Type=exec
ExecStart={command}
{environment}
Restart=on-failure
RestartSec=5
KillMode=mixed
TimeoutStopSec={seconds}

[Install]
WantedBy=default.target
"""


def systemd(home: Path, arguments: list[str]) -> str:
    """A user unit for systemd.

    Args:
        home: The data folder.
        arguments: Of `slip`.
    """
    lines = [f"Environment={_quoted(f'{k}={v}')}" for k, v in _variables(home).items()]
    return SYSTEMD.format(
        name=NAME,
        command=" ".join(_quoted(word).replace("$", "$$") for word in _command(arguments)),
        environment="\n".join(lines),
        seconds=STOP_SECONDS,
    )


def launchd(home: Path, arguments: list[str]) -> str:
    """A property list for launchd, as a user's agent."""
    about = {
        "Label": f"local.{NAME}",
        "ProgramArguments": _command(arguments),
        "EnvironmentVariables": _variables(home),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ExitTimeOut": STOP_SECONDS,
    }
    return plistlib.dumps(about, sort_keys=False).decode()


def _command(arguments: list[str]) -> list[str]:
    return [sys.executable, "-P", "-m", "slipstream.cli", *arguments]


def _variables(home: Path) -> dict[str, str]:
    given = {name: os.environ[name] for name in KEPT if os.environ.get(name)}
    return {"SLIPSTREAM_HOME": str(home), **given}


def _quoted(word: str) -> str:
    """A word as systemd.syntax(7) has it: in quotes, and % doubled."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
