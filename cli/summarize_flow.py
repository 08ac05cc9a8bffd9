"""`slip summarize --flow`: the same summaries as a Prefect flow, for many logs."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence

from slipstream.cli import output
from slipstream.cli.run import check_profile, limit, settings
from slipstream.storage.errors import UsageError
from slipstream.storage.paths import home


def summarize_flow(
    paths: Sequence[str],
    *,
    command: str = "",
    exit_code: int | None = None,
    type: str | None = None,
    max_bytes: int | None = None,
    profile: str | None = None,
    json: bool = False,
) -> int:
    """Run the flow `summarize-output` in this process and print its summaries.

    Args:
        paths: Files, folders and globs.
        command: The command line that printed the logs.
        exit_code: The exit status it ended with.
        type: A type or tool to take them for; default: told by the content.
        max_bytes: Bytes of one summary at the most.
        profile: One of `PROFILES`.
        json: Print a JSON array of the summaries.

    Returns:
        0, or 1 when a log could not be summarised.

    Raises:
        NotFoundError: A path names no log.
        UsageError: An option is wrong.
        StorageError: The data folder, where Prefect keeps its own, cannot be made.
    """
    from slipstream.flows import environment, launch
    from slipstream.tasks.summarization.files import find_logs, within_session

    check_profile(profile)
    _config, _home, problems = settings(type)
    max_bytes, problem = limit(max_bytes)
    for sentence in (*problems, *problem):
        output.warn(sentence)
    if "-" in paths:
        raise UsageError("--flow reads files, not standard input.")
    find_logs(paths)  # a wrong path is said at once, not after the server's start
    environment.settle(home())
    if not os.environ.get("PREFECT_API_URL"):
        output.note("no Prefect server is set; a temporary one is started for this run.")
        launch.begin()
    from slipstream.flows.summarize_output import SummarizeParameters, summarize_output

    parameters = SummarizeParameters.model_validate(
        {
            "paths": list(paths),
            "command": command,
            "exit_code": exit_code,
            "type": type or "",
            "profile": profile or "summary",
            "max_bytes": max_bytes,
        }
    )
    results = asyncio.run(summarize_output(parameters))
    if json:
        output.print_json(results)
    else:
        sys.stdout.write(within_session(results))
    sys.stdout.flush()
    return 1 if any("error" in result for result in results) else 0
