"""Serving a run from those that are stored, where measuring again would measure the same.

A run stands for another one when nothing that the figures depend on has changed, as far as it can
be told: the suite with its seed, the address, the model and what the server tells of itself, this
machine's hardware, and the versions of what measures. A suite that runs code or reads cases from a
file is always measured: what was in them then is not known. What a server does not tell (a changed
model behind the same name) cannot be seen either.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from slipstream.storage import bench
from slipstream.storage.bench import RunRecord
from slipstream.storage.results import Connection
from slipstream.tasks.benchmarking import environment
from slipstream.tasks.benchmarking import suite as suites
from slipstream.tasks.benchmarking.model import Source
from slipstream.tasks.benchmarking.run import Options
from slipstream.tasks.benchmarking.target import Server
from slipstream.tasks.benchmarking.tools import case
from slipstream.tasks.indexing import keys

LOOKED_AT = 200
"""The newest runs of the suite and the model."""
CHANGING = ("created", "permission")
"""What servers make anew each time that they list a model."""


def found(connection: Connection, planned: RunRecord, options: Options, server: Server) -> str:
    """The id of the newest run that stands for one that is planned; empty: there is none.

    Only a whole run counts: all of its cells done, no figure withheld, no request failed.

    Args:
        connection: To the database.
        planned: From `run.begin`.
        options: How it would be measured; a tokenizer of the user's own may have changed as well.
        server: What the server tells now.
    """
    suite = suites.parse(planned.suite_json, f"run {planned.id}")
    shipped = case.shipped()
    own = any(b.entry or (b.cases and b.cases not in shipped) for b in suite.benchmarks)
    if own or options.tokenizer:
        return ""
    told = {"name": server.name, "version": server.version, "model": server.properties}
    source = Source.SERVER if server.tokenize else Source.ESTIMATE
    wanted = digest(planned, environment.machine() | {"server": told, "tokens": str(source)})
    known = bench.runs(connection, LOOKED_AT, suite=planned.suite, model=server.model)
    for run in known:
        same = run.state == "done" and digest(run, run.environment) == wanted
        if same and _is_whole(connection, run.id):
            return run.id
    return ""


def digest(run: RunRecord, about: Mapping[str, Any]) -> str:
    """One for all runs that measure the same.

    Args:
        run: The run, of which the suite with its seed and the address count.
        about: Its environment.
    """
    server = about.get("server") or {}
    model = server.get("model") or {}
    counted = {
        "suite": json.loads(run.suite_json),
        "address": run.base_url,
        "server": [server.get("name"), server.get("version")],
        "model": {name: value for name, value in model.items() if name not in CHANGING},
        "machine": environment.fingerprint(about),
        "clients": [about.get("python"), about.get("clients")],
        "tokens": about.get("tokens"),
    }
    return keys.digest(json.dumps(counted, sort_keys=True))


def _is_whole(connection: Connection, run: str) -> bool:
    cells = bench.cells(connection, run)
    return bool(cells) and all(
        cell.state == "done" and not cell.withheld and not bench.tally(connection, cell.id, "fault")
        for cell in cells
    )
