"""The flow `summarize-output`: stores and summarises one log, or all below folders and globs."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from prefect import flow, task
from prefect.events import emit_event
from prefect.runtime import flow_run
from pydantic import BaseModel, Field

from slipstream.flows.retries import BACKOFF, JITTER, RETRIES, may_pass
from slipstream.storage.errors import SlipError
from slipstream.tasks.summarization.files import (
    check_type,
    find_logs,
    share_of_session,
    summarise_file,
)

AT_ONCE = 2
"""Logs that are summarised at the same time: the work is bound by the cores, not by waiting."""
FIND_SECONDS, LOG_SECONDS = 120, 600
TAG = "slipstream-summarize"
"""`prefect concurrency-limit create slipstream-summarize N` bounds it over all flows."""
EVENT = "slipstream.output-generated"
"""For automations of Prefect's."""


class SummarizeParameters(BaseModel):
    """What to summarise, and how."""

    paths: list[str] = Field(min_length=1, description="Files, folders and globs.")
    command: str = Field("", description="The command that printed the logs.")
    exit_code: int | None = Field(None, description="The exit status it ended with.")
    type: str = Field("", description="Type of output; empty: told by the content.")
    profile: Literal["summary", "cli", "llm"] = Field("summary", description="How long.")
    max_bytes: int | None = Field(None, ge=1024, le=1048576, description="Bytes of one summary.")


def run_name() -> str:
    """Names a run by what it summarises."""
    parameters = flow_run.parameters["parameters"]
    if not isinstance(parameters, SummarizeParameters):
        parameters = SummarizeParameters.model_validate(parameters)
    first, *more = parameters.paths
    return f"summarize {first}" + (f" and {len(more)} more" if more else "")


@task(
    name="find-logs",
    task_run_name="find logs at {paths}",
    retries=RETRIES,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass,
    timeout_seconds=FIND_SECONDS,
    tags=[TAG],
    persist_result=False,
)
async def find(paths: list[str]) -> list[str]:
    """The files that the paths name, in order."""
    return [str(path) for path in await asyncio.to_thread(find_logs, paths)]


@task(
    name="summarize-log",
    task_run_name="summarize {path}",
    retries=RETRIES,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=JITTER,
    retry_condition_fn=may_pass,
    timeout_seconds=LOG_SECONDS,
    tags=[TAG],
    persist_result=False,
)
async def summarize_log(
    path: str, parameters: SummarizeParameters, max_bytes: int | None
) -> dict[str, Any]:
    """The summary of one log as data; its text has at most `max_bytes` bytes."""
    found = await asyncio.to_thread(
        summarise_file,
        path,
        command=parameters.command,
        exit_status=parameters.exit_code,
        type=parameters.type,
        profile=parameters.profile,
        max_bytes=max_bytes,
    )
    about = {"file": path, "type": found["type"], "failed": found["failed"], "log": found["log"]}
    resource = {"prefect.resource.id": f"slipstream.output.{found['log']['sha256'][:12]}"}
    emit_event(EVENT, resource=resource, payload=about)
    return found


@flow(name="summarize-output", flow_run_name=run_name, persist_result=False)
async def summarize_output(parameters: SummarizeParameters) -> list[dict[str, Any]]:
    """Summarise every log that the paths name; one that fails does not stop the others.

    Returns:
        For each log, in order, the JSON of its summary with its `file`; or `file` and `error`.

    Raises:
        UsageError: There is no such type of output.
        NotFoundError: A path names no log.
    """
    await asyncio.to_thread(check_type, parameters.type)
    files = await find(parameters.paths)
    share = share_of_session(files, parameters.profile, parameters.max_bytes)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(path: str) -> dict[str, Any]:
        async with gate:
            try:
                return await summarize_log(path, parameters, share)
            except SlipError as error:
                return {"file": path, "error": str(error)}
            except Exception as error:  # its task run says more
                reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
                return {"file": path, "error": f"{path!r} cannot be summarised: {reason}."}

    return list(await asyncio.gather(*map(one, files)))
