"""The data that summarization is made of. Plain values; no behaviour beyond construction.

Everything here is on the path of `slip run`, so it imports the standard library alone and uses
`NamedTuple`, which costs less at import than a dataclass. Here and in other modules on that path
annotations are not postponed: `typing` would compile each field's on its own, 8 ms in all.
"""

from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from slipstream.tasks.summarization.document import Document


class Severity(IntEnum):
    """How bad a finding is; larger is worse."""

    INFO = 0
    WARNING = 1
    ERROR = 2
    FATAL = 3


class Frame(NamedTuple):
    """One frame of a stack, in the order the tool printed it."""

    function: str
    file: str
    line: int | None = None
    own: bool = True
    """False for a library's or a runtime's frame."""


class Cause(NamedTuple):
    """A chained or inner exception of a finding."""

    relation: str
    """"cause" (raised from), "context" (raised while handling), "inner" (member of a group)."""
    code: str
    message: str
    stack: tuple[Frame, ...] = ()


class Place(NamedTuple):
    """Where else a finding stands."""

    file: str
    line: int | None
    column: int | None
    log_line: int


class Finding(NamedTuple):
    """One thing that a tool reported.

    `span`, `focus` and `Place.log_line` are 1-based line numbers of the log; `line` and `column`
    are 1-based positions in `file`.
    """

    severity: Severity
    message: str
    tool: str
    kind: str
    """compiler, test, lint, build, git, diff, log or command."""
    span: tuple[int, int]
    """First and last line of the log that this finding was read from, inclusive."""
    file: str = ""
    line: int | None = None
    column: int | None = None
    code: str = ""
    """Rule, error code or exception class, as the tool prints it."""
    name: str = ""
    """The failed test, step or target."""
    stack: tuple[Frame, ...] = ()
    causes: tuple[Cause, ...] = ()
    focus: tuple[tuple[int, int], ...] = ()
    """Ranges of log lines inside `span` that must be shown first when the span is too long."""
    count: int = 1  # type: ignore[assignment]  # hides tuple.count, which nobody needs here
    places: tuple[Place, ...] = ()
    role: str = ""
    """"root" (the root cause), "cascade" (follows from it), or nothing."""
    weight: int = 0
    """Rank among findings of one severity: rules that know their tool outweigh guesses."""


class Tally(NamedTuple):
    """What a tool said about its whole run."""

    tool: str
    kind: str
    line: int
    """Log line that said so."""
    failed: bool | None = None
    counts: tuple[tuple[str, int], ...] = ()
    """In the tool's own order, for example (("failed", 3), ("passed", 97))."""
    duration: float | None = None
    """Seconds, as stated by the tool."""
    note: str = ""


class Log(NamedTuple):
    """The stored log that a summary stands for."""

    id: str
    """Empty when it could not be kept."""
    sha256: str
    size: int
    """Bytes."""
    lines: int
    complete: bool
    warning: str = ""


class Outcome(NamedTuple):
    """How the command ended, as far as is known."""

    exit_status: int | None = None
    signal: str = ""
    """For example "SIGKILL"."""
    timed_out: float | None = None
    """The time limit in seconds that it passed."""
    out_of_memory: bool = False
    duration: float | None = None
    """Seconds."""


class Limits(NamedTuple):
    """Sizes of a summary in bytes of UTF-8, and how many errors it shows."""

    max_bytes: int = 10_240
    section_bytes: int = 5_120
    item_bytes: int = 2_048
    max_errors: int = 25


Extracted = Iterable["Finding | Tally"] | Finding | Tally | None
Extractor = Callable[["Document", int, "Rule"], Extracted]


class Rule(NamedTuple):
    """A pattern of the one scan, and what to do where it matches.

    The pattern is searched in every line of the log by a linear-time engine (Hyperscan or RE2):
    no look-around, no back-references; `^` and `$` are the line's ends; bytes, not code points,
    so keep non-ASCII literals out of character classes. Do not end it in `.*`: each further match
    end costs time.
    """

    name: str
    """`tool.what`, unique."""
    pattern: str
    tool: str
    kind: str
    severity: Severity | None = Severity.ERROR
    """None for a signature, which only says that the tool is present."""
    extract: Extractor | None = None
    """Reads the finding around line `i` of the document; None makes a finding of the line alone."""
    weight: int = 10
    """On one line the heaviest rule goes first; also `Finding.weight` of what it finds.
    0 guesses by words, 10 knows a format, 20 knows the tool, 30 the tool's own verdict."""
    caseless: bool = False
    examples: tuple[str, ...] = ()
    """Lines that it matches; a test runs them."""
