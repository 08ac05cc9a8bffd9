"""What Prefect's pages show of a run: tables, reports, links, images, progress.

An artifact's key stays the same from run to run, so that the pages show its history: what is told
of one suite and model stands under one key. An artifact that cannot be kept fails no flow: what it
shows is stored elsewhere, and the run's log says what is missing.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import (
    acreate_image_artifact,
    acreate_link_artifact,
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)

KEY_CHARACTERS = 120
MAX_ROWS = 1000
"""Of a table: the pages draw all of them."""
MAX_TEXT = 500_000
"""Characters of a report: the pages render it whole."""
PNG = b"\x89PNG"
MAX_IMAGE = 500_000
"""Bytes of an image, which is kept in the server's database."""


def key(*parts: str) -> str:
    """A key of parts such as a flow, a suite and a model: lower case letters, digits and dashes.

    Parts that differ in other characters alone get the same key.
    """
    words = re.sub(r"[^a-z0-9]+", "-", "-".join(part.lower() for part in parts))
    return words.strip("-")[:KEY_CHARACTERS].strip("-")


async def table(name: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """Show rows, whose keys are the columns."""
    if len(rows) > MAX_ROWS:
        description += f" The first {MAX_ROWS:,} of {len(rows):,} rows."
    shown = [dict(row) for row in rows[:MAX_ROWS]]
    await _kept(name, acreate_table_artifact(key=name, table=shown, description=description))


async def report(name: str, markdown: str, description: str) -> None:
    """Show a text in Markdown."""
    if len(markdown) > MAX_TEXT:
        markdown = markdown[:MAX_TEXT] + "\n\n… The rest is left out here.\n"
    await _kept(
        name, acreate_markdown_artifact(key=name, markdown=markdown, description=description)
    )


async def link(name: str, target: str | Path, text: str, description: str) -> None:
    """Show a link to an address or a file; a browser opens a file on the machine that has it."""
    address = target.absolute().as_uri() if isinstance(target, Path) else target
    await _kept(
        name,
        acreate_link_artifact(link=address, link_text=text, key=name, description=description),
    )


async def image(name: str, content: bytes, description: str) -> None:
    """Show an SVG or a PNG, which is kept with the artifact: the pages can read no file."""
    if len(content) > MAX_IMAGE:
        get_run_logger().warning(f"The image {name} is not shown: it has {len(content):,} bytes.")
        return
    kind = "png" if content.startswith(PNG) else "svg+xml"
    address = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    await _kept(name, acreate_image_artifact(image_url=address, key=name, description=description))


async def progress(name: str, description: str) -> Progress:
    """Show a bar, which begins at nothing."""
    made = await _kept(name, acreate_progress_artifact(0.0, key=name, description=description))
    return Progress(name, made)


class Progress:
    """A bar on a run's page."""

    def __init__(self, name: str, made: UUID | None) -> None:
        self._name = name
        self._made = made

    async def __call__(self, done: int, total: int) -> None:
        """Say how far it is."""
        if self._made is not None and total:
            await _kept(self._name, aupdate_progress_artifact(self._made, 100 * done / total))


async def _kept(name: str, made: Awaitable[UUID]) -> UUID | None:
    try:
        return await made
    except Exception as error:  # whatever the server says, the work is done
        reason = str(error).partition("\n")[0]
        get_run_logger().warning(f"The artifact {name} is not kept: {reason}")
        return None
