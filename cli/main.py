"""`slip`: finds the command, and turns whatever happens into an exit status.

Exit status: 0 done; 1 failed; 2 usage; 3 regression found; 4 not found; 130 interrupted; 141 the
reader of a pipe went away. `slip run` gives the status of its command.

Commands on which an agent waits are tried by their fast function first, which parses for itself:
importing Typer takes longer than all that they do. What it does not know (`--help`, a wrong
option) it leaves to Typer by returning None.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import gc
import os
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from slipstream.cli import output
from slipstream.storage import logs
from slipstream.storage.errors import SlipError

if TYPE_CHECKING:
    import typer

INTERRUPTED = 130
PIPE_CLOSED = 141  # as a shell shows a command that SIGPIPE ended
# What writing to standard output fails with; files have a name, and their own sentences.
NOT_PRINTED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

# function(arguments after the command's name) -> exit status, or None: ask Typer
FAST = {
    "run": "slipstream.cli.run:fast",
    "summarize": "slipstream.cli.summarize:fast",
    "log": "slipstream.cli.log:fast",
    "summary": "slipstream.cli.summary:fast",
    "search": "slipstream.cli.search:fast",
    "symbols": "slipstream.cli.symbols:fast",
    "map": "slipstream.cli.map:fast",
    "cache": "slipstream.cli.cache:fast",
}

# function(app): adds the command to the Typer app
COMMANDS = {
    "run": "slipstream.cli.run_options:register",
    "summarize": "slipstream.cli.summarize_options:register",
    "summary": "slipstream.cli.summary_options:register",
    "log": "slipstream.cli.log_options:register",
    "types": "slipstream.cli.types:register",
    "search": "slipstream.cli.search_options:register",
    "symbols": "slipstream.cli.symbols_options:register",
    "map": "slipstream.cli.map_options:register",
    "cache": "slipstream.cli.cache_options:register",
    "bench": "slipstream.cli.bench:register",
    "up": "slipstream.cli.up:register",
    "down": "slipstream.cli.down:register",
    "status": "slipstream.cli.status:register",
    "schedule": "slipstream.cli.schedule:register",
    "compare": "slipstream.cli.compare:register",
    "demo": "slipstream.cli.demo:register",
    "config": "slipstream.cli.config:register",
    "flow": "slipstream.cli.flow:register",
    "hook": "slipstream.cli.hook:register",
    "maintain": "slipstream.cli.maintain:register",
    "audit": "slipstream.cli.audit:register",
    "events": "slipstream.cli.events:register",
    "doctor": "slipstream.cli.doctor:register",
}

FLAGS = {
    "-q": "quiet",
    "--quiet": "quiet",
    "-v": "verbose",
    "--verbose": "verbose",
    "--debug": "debug",
}


def entry() -> None:
    """Run the process's own command and end the process with its status.

    A command that an agent waits for does not wait for the interpreter to take itself apart, which
    takes 10 to 15 ms: what is to run at exit runs, and the process ends.
    """
    # Collecting garbage while modules are imported costs 5 ms; long runs still have it done.
    gc.set_threshold(200_000, 20, 20)
    status = main()
    if "typer" in sys.modules or threading.active_count() > 1:
        sys.exit(status)
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    atexit._run_exitfuncs()
    os._exit(status)


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The arguments after the program's name; default: the process's own.

    Returns:
        The exit status.
    """
    arguments = sys.argv[1:] if argv is None else argv
    output.prepare_streams()
    arguments, options = split_flags(arguments)
    output.set_options(options)
    logs.configure(verbose=options.verbose, debug=options.debug)
    logs.trace_id()
    started = time.monotonic()
    status = _guarded(arguments)
    seconds = round(time.monotonic() - started, 3)
    if arguments and arguments[0] in COMMANDS:
        logs.info("command.done", command=arguments[0], status=status, seconds=seconds)
    return status


def _guarded(arguments: list[str]) -> int:
    """Run one command; whatever it raises becomes one sentence and an exit status."""
    try:
        status = run(arguments)
        sys.stdout.flush()
        return status
    except SlipError as error:
        return _failed(str(error), error.exit_status)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return PIPE_CLOSED
    except Exception as error:
        if isinstance(error, OSError) and error.errno in NOT_PRINTED and not error.filename:
            _drop_output()
            return _failed(f"what is printed cannot be written ({error.strerror}).", 1)
        frame = error.__traceback__
        while frame and frame.tb_next:
            frame = frame.tb_next
        where = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else ""
        logs.error("slip.crashed", kind=type(error).__name__, where=where)
        return _failed(
            f"internal error ({type(error).__name__}: {error}); this is a mistake in Slipstream, "
            "run it again with --debug to see where.",
            1,
        )


def _drop_output() -> None:
    """Print nowhere: Python flushes standard output once more at its end, and would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def split_flags(arguments: list[str]) -> tuple[list[str], output.Options]:
    """Take the options that hold for every command from before the command's name."""
    chosen = {}
    rest = list(arguments)
    while rest and rest[0] in FLAGS:
        chosen[FLAGS[rest.pop(0)]] = True
    if rest and rest[0] not in FAST and "--" not in rest:
        for flag in [argument for argument in rest if argument in FLAGS]:
            rest.remove(flag)
            chosen[FLAGS[flag]] = True
    return rest, output.Options(**chosen)


def run(arguments: list[str]) -> int:
    """Run a command by its fast function, else by Typer.

    Raises:
        SlipError: It failed, or there is no such command.
    """
    name = arguments[0] if arguments else ""
    if name in FAST and "_SLIP_COMPLETE" not in os.environ:
        fast = _function(FAST[name])
        if (status := fast(arguments[1:])) is not None:
            return int(status)
    return _run_typer(arguments, name)


def build_app(only: str = "") -> typer.Typer:
    """The Typer app, with all commands or, to save time, only one."""
    from slipstream.cli.root import make_app

    app = make_app()
    for name in [only] if only else COMMANDS:
        _function(COMMANDS[name])(app)
    return app


def _run_typer(arguments: list[str], name: str) -> int:
    import typer

    from slipstream.cli.root import reject_unknown

    completing = "_SLIP_COMPLETE" in os.environ
    if not completing:
        reject_unknown(name, list(COMMANDS))
    app = build_app("" if completing or name not in COMMANDS else name)
    try:
        status = typer.main.get_command(app).main(
            arguments or ["--help"], "slip", standalone_mode=False
        )
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # which Typer ends with status 1
            raise end.__context__ from None
        raise
    except typer.Abort:
        return INTERRUPTED
    except typer.TyperException as error:
        if error.format_message().startswith("Usage: "):  # a group without a command: its help
            print(error.format_message(), file=sys.stderr)
            return 2
        return _failed(f"{error.format_message()} (`slip {name} --help` shows how)", 2)
    return status if isinstance(status, int) else 0


def _function(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)  # type: ignore[no-any-return]


def _failed(text: str, status: int) -> int:
    if output.options.debug:
        import traceback

        traceback.print_exc()
    output.fail(text)
    return status
