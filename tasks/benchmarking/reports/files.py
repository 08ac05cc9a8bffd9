"""Reports as files in the data folder, as long as the runs that they are about are kept."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from slipstream.storage.paths import make_private
from slipstream.tasks.benchmarking.compare.model import Comparison, Trend
from slipstream.tasks.benchmarking.reports import forms
from slipstream.tasks.benchmarking.reports.forms import Form

FOLDER = "reports"
SUFFIXES: dict[Form, str] = {
    "text": "txt", "json": "json", "markdown": "md", "html": "html", "csv": "csv",
}  # fmt: skip
DAY = 86_400  # seconds


def write(home: Path, form: Form, comparison: Comparison, trends: Sequence[Trend] = ()) -> Path:
    """Write a report that only its owner can read, in place of one that is there.

    Args:
        home: The data folder.
        form: In which form.
        comparison: What it is about.
        trends: Histories, for the forms that draw them.

    Raises:
        OSError: It cannot be written.
    """
    text = forms.comparison(form, comparison, trends)
    file = make_private(home / FOLDER) / f"{comparison.id}.{SUFFIXES[form]}"
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8", errors="replace", newline="") as out:
            out.write(text)
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return file


def prune(home: Path, days: int) -> None:
    """Remove reports that are older."""
    before = time.time() - days * DAY
    for file in (home / FOLDER).glob("*"):
        with suppress(FileNotFoundError):  # another process was first
            if file.stat().st_mtime < before:
                file.unlink()
