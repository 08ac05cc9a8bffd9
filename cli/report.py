"""How reports leave a command: in which form, and to where."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from slipstream.cli import output
from slipstream.storage.errors import SlipError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slipstream.tasks.benchmarking.compare.model import Comparison, Trend
    from slipstream.tasks.benchmarking.reports.view import Options

FORMATS = ("text", "json", "markdown", "html", "csv")
STDOUT = "-"


def form_of(form: str, *, json: bool) -> str:
    """The form that was asked for; `--json` is short for `--format json`.

    Raises:
        UsageError: There is none of that name.
    """
    return "json" if json else one_of("--format", form, FORMATS)


def one_of(option: str, value: str, allowed: Sequence[str]) -> str:
    """A value that is one of few.

    Raises:
        UsageError: It is none of them.
    """
    if value not in allowed:
        raise UsageError(f"{option} {value} is none of {', '.join(allowed)}.")
    return value


def comparison(
    found: Comparison, form: str, to: str, options: Options, trends: Sequence[Trend] = ()
) -> None:
    """Print a comparison, or write it to a file.

    Raises:
        SlipError: The file cannot be written.
    """
    if form == "html":
        from slipstream.tasks.benchmarking.reports import html

        text = html.render(found, trends, options)
        to = to or f"comparison-{found.id}.html"
    elif form == "json":
        from slipstream.tasks.benchmarking.reports import json

        text = json.render(found, indent=2)
    elif form == "markdown":
        from slipstream.tasks.benchmarking.reports import markdown

        text = markdown.render(found, options)
    elif form == "csv":
        from slipstream.tasks.benchmarking.reports import csv

        text = csv.render(found, options)
    else:
        from slipstream.tasks.benchmarking.reports import text as texts

        text = texts.render(found, options, output.style if not to else texts.plain)
    put(text, to)


def trend(found: Trend, form: str, to: str) -> None:
    """Print the history of a metric, or write it to a file.

    Raises:
        SlipError: The file cannot be written.
    """
    if form == "html":
        from slipstream.tasks.benchmarking.reports import html

        text = html.render_trend(found)
        to = to or f"trend-{found.metric}.html"
    elif form == "json":
        from slipstream.tasks.benchmarking.reports import json

        text = json.render(found, indent=2)
    elif form == "markdown":
        from slipstream.tasks.benchmarking.reports import markdown

        text = markdown.render_trend(found)
    elif form == "csv":
        from slipstream.tasks.benchmarking.reports import csv

        text = csv.render_trend(found)
    else:
        import locale
        import shutil

        from slipstream.tasks.benchmarking.reports import text as texts

        width = shutil.get_terminal_size((texts.WIDTH, 24)).columns
        unicode = "utf" in locale.getencoding().lower()
        text = texts.render_trend(
            found, output.style if not to else texts.plain, width, ascii=not unicode
        )
    put(text, to)


def put(text: str, to: str) -> None:
    """Print a text, or write a file: all of it or nothing, in place of one that is there.

    Raises:
        SlipError: The file cannot be written.
    """
    if to in ("", STDOUT):
        print(text, end="")
        return
    path = Path(os.path.realpath(to))
    there = path.exists()
    # A device or a pipe is written to; a file is replaced when the new one is complete.
    draft = path if there and not path.is_file() else path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            with open(draft, "w", encoding="utf-8", errors="replace", newline="") as file:
                file.write(text)
            if draft != path:
                os.replace(draft, path)
        except BaseException:
            if draft != path:
                draft.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SlipError(f"{to!r} cannot be written: {error.strerror or error}.") from error
    output.note(f"{'replaced' if there else 'wrote'} {to}")
