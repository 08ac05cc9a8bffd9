"""The flow `summarize-output`: stores and summarises one log, or all below folders and globs."""

from __future__ import annotations

import asyncio
from typing import Any

from prefect import flow, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff
from pydantic import BaseModel, Field

from slipstream.storage.errors import SlipError
from slipstream.tasks.summarization.files import find_logs, summarise_file

AT_ONCE = 2
"""Logs that are summarised at the same time: the work is bound by the cores, not by waiting."""


class SummarizeParameters(BaseModel):
    """What to summarise, and how."""

    paths: list[str] = Field(min_length=1, description="Files, folders and globs.")
    command: str = Field("", description="The command that printed the logs.")
    exit_code: int | None = Field(None, description="The exit status it ended with.")
    type: str = Field("", description="Type of output; empty: told by the content.")
    profile: str = Field("summary", pattern="^(summary|cli|llm)$")
    max_bytes: int | None = Field(None, ge=1024, le=1048576, description="Bytes of one summary.")


async def worth_retrying(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """A disk or a database may recover; a wrong parameter or a missing file does not."""
    try:
        await state.result()  # type: ignore[misc]
    except (SlipError, ValueError, TypeError):
        return False
    except Exception:
        return True
    return False


@task(name="find-logs", retries=2, retry_delay_seconds=1)
async def find(paths: list[str]) -> list[str]:
    """The files that the paths name, in order."""
    return [str(path) for path in await asyncio.to_thread(find_logs, paths)]


@task(
    name="summarize-log",
    task_run_name="summarize {path}",
    retries=3,
    retry_delay_seconds=exponential_backoff(backoff_factor=1),
    retry_jitter_factor=0.5,
    retry_condition_fn=worth_retrying,
    timeout_seconds=600,
    tags=["slipstream-summarize"],
    persist_result=False,
)
async def summarize_log(path: str, parameters: SummarizeParameters, share: int) -> dict[str, Any]:
    """The summary of one log as data; its text has at most `share` bytes."""
    return await asyncio.to_thread(
        summarise_file, path, command=parameters.command, exit_status=parameters.exit_code,
        type=parameters.type, profile=parameters.profile, max_bytes=share,
    )  # fmt: skip


@flow(name="summarize-output", flow_run_name="summarize {parameters.paths}", retries=0)
async def summarize_output(parameters: SummarizeParameters) -> list[dict[str, Any]]:
    """Summarise every log that the paths name; one that fails does not stop the others."""
    from slipstream.tasks.summarization.files import share_of_session

    files = await find(parameters.paths)
    share = share_of_session(len(files), parameters.profile, parameters.max_bytes)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(path: str) -> dict[str, Any]:
        async with gate:
            state = await summarize_log(path, parameters, share, return_state=True)
            if state.is_completed():
                result: dict[str, Any] = await state.result()
                return result
            return {"file": path, "error": state.message or "failed"}

    return list(await asyncio.gather(*(one(path) for path in files)))


