"""How hits are printed: in few bytes, each a place that a next command can go on from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from slipstream.cli import output

if TYPE_CHECKING:
    from slipstream.tasks.indexing.model import SearchHit

LONGEST = 300  # characters of a line that are shown


def blocks(hits: Sequence[SearchHit], *, before: bool, grouped: bool) -> Iterator[str]:
    """The text of each hit: `path:line: text  [kind name, lines A-B]`, numbered lines around it.

    Matching lines of one definition follow each other as `line: text`, its name said once, and no
    line is shown twice.

    Args:
        hits: In the order of path and line where they are grouped.
        before: The lines before a hit are shown, and empty ones after it.
        grouped: They are lines that match; otherwise only references are.
    """
    group: tuple[str, ...] = ()
    last = 0  # line of the file that was shown last
    for number, hit in enumerate(hits):
        is_line = grouped or hit.why == "reference"
        same_file = is_line and group[:1] == (hit.path,)
        last = last if same_file else 0
        follows = hits[number + 1] if number + 1 < len(hits) else None
        end = follows.line if is_line and follows and follows.path == hit.path else 0
        around = []
        if before:
            for line, text in enumerate(hit.before, hit.line - len(hit.before)):
                if line > last:
                    around.append(f"  {line}- {_cut(text)}")
        named = (hit.path, hit.kind, hit.name)
        if is_line and named == group:
            around.append(f"  {hit.line}: {_cut(hit.text)}")
        else:
            around.append(_head(hit))
        group, last = (named if is_line else ()), hit.line
        for line, text in enumerate(hit.after, hit.line + 1):
            if (before or text.strip()) and not (end and line >= end):
                around.append(f"  {line}- {_cut(text)}")
                last = line
        yield "\n".join(around) + "\n"


def _head(hit: SearchHit) -> str:
    span = f", lines {hit.start}-{hit.end}" if hit.end > hit.start else ""
    name = "" if hit.name in hit.text else f" {output.printable(hit.name)}"
    inside = f"  [{hit.kind}{name}{span}]" if hit.kind else ""
    return f"{output.printable(hit.path)}:{hit.line}: {_cut(hit.text)}{inside}"


def _cut(text: str) -> str:
    """A line without what would move a terminal's cursor; a long one ends in an ellipsis."""
    shown = output.printable(text.expandtabs(4))
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"
