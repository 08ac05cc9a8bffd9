"""How reports leave a command: in which form, and to where."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from slipstream.cli import output
from slipstream.storage.errors import SlipError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slipstream.tasks.benchmarking.compare.model import Comparison, Trend
    from slipstream.tasks.benchmarking.reports.forms import Form
    from slipstream.tasks.benchmarking.reports.view import Options

STDOUT = "-"


def form_of(form: str, *, json: bool) -> Form:
    """The form that was asked for; `--json` is short for `--format json`.

    Raises:
        UsageError: There is none of that name.
    """
    from slipstream.tasks.benchmarking.reports.forms import FORMS

    return "json" if json else one_of("--format", form, FORMS)  # type: ignore[return-value]


def one_of(option: str, value: str, allowed: Sequence[str]) -> str:
    """A value that is one of few.

    Raises:
        UsageError: It is none of them.
    """
    if value not in allowed:
        raise UsageError(f"{option} {value} is none of {', '.join(allowed)}.")
    return value


def comparison(
    found: Comparison, form: Form, to: str, options: Options, trends: Sequence[Trend] = ()
) -> None:
    """Print a comparison, or write it to a file; HTML always to one.

    Raises:
        SlipError: The file cannot be written.
    """
    from slipstream.tasks.benchmarking.reports import forms, text

    style = text.plain if to else output.style
    name = f"comparison-{found.id}.html" if form == "html" else ""
    put(forms.comparison(form, found, trends, options, style), to or name)


def trend(found: Trend, form: Form, to: str) -> None:
    """Print the history of a metric, or write it to a file; HTML always to one.

    Raises:
        SlipError: The file cannot be written.
    """
    import locale
    import shutil

    from slipstream.tasks.benchmarking.reports import forms, text

    style = text.plain if to else output.style
    width = shutil.get_terminal_size((text.WIDTH, 24)).columns
    ascii = "utf" not in locale.getencoding().lower()
    name = f"trend-{re.sub(r'[^A-Za-z0-9_.-]', '-', found.metric)}.html" if form == "html" else ""
    put(forms.trend(form, found, style, width, ascii), to or name)


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
