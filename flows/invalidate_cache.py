"""The flow `invalidate-cache`: removes what is chosen from the cache; warms it again if asked."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

from prefect import flow, task
from prefect.events import emit_event
from pydantic import AliasChoices, BaseModel, Field, model_validator

from slipstream.flows.open_store import flow_store
from slipstream.flows.result_storage import JsonSerializer
from slipstream.flows.retries import BACKOFF, JITTER, RETRIES, may_pass
from slipstream.flows.warm_cache import WarmParameters, warm_cache
from slipstream.storage import audit, database, logs, paths
from slipstream.storage.errors import SlipError
from slipstream.tasks.indexing import derived

REMOVE_SECONDS = 600
TAG = "slipstream-invalidate"
ACTION = "cache.invalidate"
"""In the audit log."""
EVENT = "slipstream.cache-invalidated"
"""For automations of Prefect's."""


class InvalidateParameters(BaseModel):
    """Which entries go: those for which all that is given holds."""

    # The field is not called `keys`: Prefect reads models by `dict`, which would call it.
    cache_keys: list[str] | None = Field(
        None,
        min_length=1,
        description="These keys.",
        validation_alias=AliasChoices("cache_keys", "keys"),
    )
    prefix: str | None = Field(None, min_length=1, description="What keys begin with.")
    glob: str | None = Field(None, min_length=1, description="A pattern of whole keys.")
    tag: str | None = Field(None, min_length=1, description="A tag of the entry.")
    producer: str | None = Field(None, min_length=1, description="What computed it.")
    commit: str | None = Field(
        None, min_length=1, description="A commit, branch or tag of `warm.path`: what is of it."
    )
    cascade: bool = Field(True, description="What depends on a removed entry goes too.")
    dry_run: bool = Field(False, description="Count, and remove nothing.")
    warm_again: bool = Field(False, description="Index the repository again afterwards.")
    warm: WarmParameters = Field(default_factory=WarmParameters)  # type: ignore[arg-type]

    @model_validator(mode="after")
    def _something_is_chosen(self) -> InvalidateParameters:
        if not self.chosen:
            raise ValueError(
                "name what is to go: cache_keys, prefix, glob, tag, producer or commit"
            )
        return self

    @property
    def chosen(self) -> dict[str, Any]:
        """What was given of the filters."""
        names = ("cache_keys", "prefix", "glob", "tag", "producer", "commit")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    @property
    def label(self) -> str:
        """What was given, as a person names it; many keys are counted."""
        keys = self.cache_keys or []
        named = [f"{name} {value}" for name, value in self.chosen.items() if name != "cache_keys"]
        named += [f"{len(keys):,} keys"] if len(keys) > 1 else keys
        return ", ".join(named)


@task(
    name="remove-entries",
    task_run_name="remove {parameters.label}",
    retries=RETRIES,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass,
    timeout_seconds=REMOVE_SECONDS,
    tags=[TAG],
    persist_result=False,
)
async def remove(parameters: InvalidateParameters) -> dict[str, int]:
    """Remove the chosen entries, and write it into the audit log."""
    return await asyncio.to_thread(_remove, parameters)


@flow(
    name="invalidate-cache",
    flow_run_name="invalidate {parameters.label}",
    persist_result=False,
    result_serializer=JsonSerializer(),
)
async def invalidate_cache(parameters: InvalidateParameters) -> dict[str, Any]:
    """Remove entries, and warm the cache again if that is asked.

    Returns:
        How many `entries` were, or would be, removed, and their `bytes`; and `warmed`, the report
        of the flow `warm-cache`.

    Raises:
        NotFoundError: There is no such commit.
        UsageError: The glob is none.
    """
    report: dict[str, Any] = dict(await remove(parameters))
    if not parameters.dry_run:
        resource = {"prefect.resource.id": "slipstream.cache"}
        emit_event(EVENT, resource=resource, payload={"removed": parameters.label, **report})
        if parameters.warm_again:
            report["warmed"] = await warm_cache(parameters.warm)
    return report


def _remove(parameters: InvalidateParameters) -> dict[str, int]:
    store = flow_store()
    options = parameters.chosen
    keys = options.pop("cache_keys", None)
    if commit := options.pop("commit", None):
        found = derived.of_commit(store, commit, parameters.warm.path)
        keys = sorted(found if keys is None else found.intersection(keys))
    if keys is not None:
        options["keys"] = keys
    removed = store.remove(**options, cascade=parameters.cascade, dry_run=parameters.dry_run)
    report = {"entries": removed.count, "bytes": removed.bytes}
    if not parameters.dry_run:
        try:
            with closing(database.connect(paths.home())) as connection:
                detail = {**parameters.chosen, "entries": removed.count}
                detail.pop("cache_keys", None)  # there may be thousands; the subject counts them
                audit.removed_from_cache(
                    connection, ACTION, parameters.label, removed.bytes, detail
                )
        except (SlipError, OSError, sqlite3.Error) as error:  # it is removed all the same
            logs.warning("audit.not_written", action=ACTION, error=str(error))
    return report
