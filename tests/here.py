"""`slip` in the process of the tests, and its piped tables."""

from __future__ import annotations

import csv
import io
import subprocess
from collections.abc import Callable

Here = Callable[..., subprocess.CompletedProcess[str]]


def table(text: str) -> list[dict[str, str]]:
    """The rows of a table as it is printed into a pipe."""
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))
