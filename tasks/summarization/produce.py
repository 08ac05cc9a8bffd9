"""From bytes to a shown summary: store, scan, analyse, render, redact, save.

This is what `slip run` and `slip summarize` wait for, and what the flow calls: plain functions.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from slipstream.storage.config.settings import Config
from slipstream.storage.config.settings import limits as configured_limits
from slipstream.storage.errors import StorageError
from slipstream.storage.outputs.store import OutputStore
from slipstream.storage.paths import CACHE, make_private
from slipstream.tasks.summarization.model import Limits, Log, Outcome
from slipstream.tasks.summarization.rules import Ruleset, ruleset
from slipstream.tasks.summarization.scan import Scanner

if TYPE_CHECKING:
    from slipstream.tasks.summarization.analyse import Analysis

REDACTED_ROOM = 64
"""Bytes kept free for the sentence that says how many secrets were hidden."""


class Request(NamedTuple):
    """What a caller asks for; with the `token` of a stored capture nothing is stored again."""

    command: tuple[str, ...] = ()
    cwd: str = ""
    type: str = ""
    profile: str = "summary"
    max_bytes: int | None = None
    token: str = ""


class Produced(NamedTuple):
    """A summary as it is shown, and what it stands for."""

    id: str
    text: str
    log: Log
    outcome: Outcome
    analysis: Analysis
    redacted: int
    warnings: tuple[str, ...]
    """What went wrong beside the summary; it is still good."""


class Producer:
    """Takes the bytes of one output while they come, and ends in a `Produced`.

    The rules are loaded with the first byte: a command that prints nothing does not wait for them.
    """

    def __init__(self, home: Path, config: Config, request: Request) -> None:
        self._home = home
        self._config = config
        self._request = request
        self._started = time.time_ns()
        self._cache = home / CACHE
        with contextlib.suppress(StorageError):  # said later: the log could not be kept
            make_private(home)
            make_private(self._cache)
        self._rules: Ruleset | None = None
        self._scanner: Scanner | None = None
        self._store = OutputStore(home)
        self._writer = self._store.writer(request.command, request.cwd, request.token)

    def take(self, data: bytes, stream: int = 0) -> None:
        """The next bytes; `stream` is 0 for a file, 1 for stdout, 2 for stderr."""
        self._writer.write(data, stream)
        if self._scanner is None:
            # We may be killed while the rules are compiled; what has come must be safe then.
            self._rules = ruleset(self._cache, self._config.patterns, self._writer.flush)
            self._scanner = Scanner(self._rules.rules, self._rules.engine)
        self._scanner.feed(data)

    def progress(self) -> tuple[int, int]:
        """Lines and errors so far, for the live status."""
        if self._scanner is None:
            return 0, 0
        return self._scanner.lines_so_far(), self._scanner.errors_so_far()

    def pause(self) -> None:
        """Nothing came for a while: make what came survive a kill."""
        self._writer.flush()

    def finish(
        self, outcome: Outcome, *, signal: int | None = None, complete: bool = True
    ) -> Produced:
        """Store the rest, analyse, render and save."""
        from slipstream.storage.summaries import summary_id
        from slipstream.tasks.summarization.analyse import analyse, nothing
        from slipstream.tasks.summarization.render import render

        request, config = self._request, self._config
        log = self._stored(outcome, signal, complete)
        if self._scanner is None or self._rules is None:
            analysis = nothing(request.command, outcome)
        else:
            scanned = self._scanner.finish(request.command, outcome.exit_status)
            analysis = analyse(
                scanned, self._rules, outcome,
                type=request.type, seconds=config.summary.time_limit_seconds,
            )  # fmt: skip
        limits = Limits(
            *configured_limits(config, analysis.detected.kind, request.profile, request.max_bytes)
        )
        room = limits._replace(max_bytes=limits.max_bytes - REDACTED_ROOM)
        text = render(analysis, log, outcome, room)
        text, analysis, redacted = self._redact(text, analysis)
        ended, hidden = outcome[:-1], config.summary.redact  # all but the duration
        name = summary_id(log.sha256, request.command, request.type, *limits, *ended, hidden)
        produced = Produced(name, text, log, outcome, analysis, redacted, ())
        return self._save(produced)

    def _stored(self, outcome: Outcome, signal: int | None, complete: bool) -> Log:
        stored = self._writer.finish(
            outcome.exit_status, signal, complete, self._started, outcome.duration
        )
        return Log(
            stored.id if stored.kept else "", stored.sha256, stored.size, stored.lines,
            stored.complete and stored.kept, stored.warning,
        )  # fmt: skip

    def _redact(self, text: str, analysis: Analysis) -> tuple[str, Analysis, int]:
        """Hide secrets in the text, and in the findings, which the JSON and the database hold."""
        if self._scanner is None or not self._config.summary.redact:
            return text, analysis, 0
        from slipstream.tasks.summarization.redact import redact, redact_findings
        from slipstream.tasks.summarization.secret_rules import load_secret_rules

        rules = load_secret_rules(self._cache)
        text, count = redact(text, rules)
        if count:
            body, _, last = text.rpartition("\n")
            text = f"{body}\n{count} secrets are hidden here; the full log has them.\n{last}"
        findings, more = redact_findings(analysis.findings, rules)
        return text, analysis._replace(findings=findings), max(count, more)

    def _save(self, produced: Produced) -> Produced:
        if not produced.log.id:
            return produced
        from slipstream.tasks.summarization.report import save

        try:
            save(self._store.connection, produced, self._request.command)
        except Exception as error:  # the summary is shown even when it cannot be kept
            return produced._replace(warnings=(f"The summary could not be kept: {error}",))
        return produced


def summarise_chunks(
    chunks: Iterable[bytes],
    home: Path,
    config: Config,
    request: Request,
    outcome: Outcome,
) -> Produced:
    """Summarise bytes that are already there: a file, standard input, a stored log."""
    producer = Producer(home, config, request)
    for chunk in chunks:
        producer.take(chunk)
    return producer.finish(outcome)


def analyse_chunks(
    chunks: Iterable[bytes], home: Path, config: Config, command: tuple[str, ...]
) -> Analysis:
    """What the bytes say, without keeping them."""
    from slipstream.tasks.summarization.analyse import analyse

    rules = ruleset(home / CACHE, config.patterns)
    scanner = Scanner(rules.rules, rules.engine)
    for chunk in chunks:
        scanner.feed(chunk)
    return analyse(scanner.finish(command), rules, Outcome())


def run_command(
    child: Any,
    home: Path,
    config: Config,
    request: Request,
    *,
    timeout: float | None = None,
    tee: bool = False,
) -> tuple[Produced, int]:
    """Summarise the output of a running command (from `capture.start`).

    Returns:
        The summary, and the exit status to end with: the command's own.
    """
    from slipstream.tasks.summarization import status_line

    producer = Producer(home, config, request)
    status = status_line.StatusLine()

    def on_chunk(data: bytes, stream: int) -> None:
        if tee:
            status_line.tee(data)
        producer.take(data, stream)

    def on_tick() -> None:
        if not tee:
            status.update(*producer.progress())

    ended = child.pump(
        on_chunk, producer.pause, timeout, on_tick if status_line.enabled() else None
    )
    status.clear()
    outcome = Outcome(
        ended.status, _signal_name(ended.signal), timeout if ended.timed_out else None,
        ended.oom, ended.duration,
    )  # fmt: skip
    return producer.finish(outcome, signal=ended.signal, complete=ended.drained), ended.status


def _signal_name(signal: int | None) -> str:
    if signal is None:
        return ""
    from signal import Signals

    try:
        return Signals(signal).name
    except ValueError:
        return f"signal {signal}"


def read_file(path: str, size: int = 1 << 20) -> Iterable[bytes]:
    """The bytes of a file, or of standard input for "-", in pieces.

    Raises:
        OSError: It cannot be read.
    """
    import sys

    if path == "-" and sys.stdin is None:  # closed: descriptor 0 may be another file by now
        raise OSError("standard input is closed")
    source = 0 if path == "-" else path
    with open(source, "rb", buffering=0, closefd=path != "-") as file:
        while data := file.read(size):
            yield data


def command_words(text: str | Sequence[str]) -> tuple[str, ...]:
    """A command line as its words; one that does not parse is one word."""
    if not text or not isinstance(text, str):
        return tuple(text)
    if text.isidentifier():
        return (text,)
    import shlex

    try:
        return tuple(shlex.split(text))
    except ValueError:
        return (text,)
