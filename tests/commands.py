"""Whether what the documentation calls exists."""

from __future__ import annotations


def missing(command: object, arguments: list[str]) -> str:
    """The first subcommand or option that `slip` does not have; empty: all are there."""
    for argument in arguments:
        if argument in ("--", "||", "|", ">", "<", "&&", ";"):
            break
        if argument.startswith("-") and len(argument) > 1:
            options = {name for p in getattr(command, "params", []) for name in p.opts}
            options |= {name for p in getattr(command, "params", []) for name in p.secondary_opts}
            if argument not in options | {"--help", "-v", "-q"}:
                return argument
        elif commands := getattr(command, "commands", None):
            command = commands.get(argument)
            if command is None:
                return argument
    return ""
