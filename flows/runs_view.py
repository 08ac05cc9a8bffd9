"""What a server says of flow runs, over plain HTTP: for commands that do not import Prefect."""

from __future__ import annotations

from typing import Any

from slipstream.flows import server

COMING = 200


def coming(api_url: str) -> dict[str, str]:
    """When the next run of each schedule is due, by the schedule's slug; UTC, ISO 8601."""
    deployments = server.post(f"{api_url}/deployments/filter", {}) or []
    slugs = {
        schedule["id"]: schedule["slug"]
        for deployment in deployments
        for schedule in deployment["schedules"]
        if schedule["active"]
    }
    found: dict[str, str] = {}
    asked = {
        "sort": "NEXT_SCHEDULED_START_TIME_ASC",
        "limit": COMING,
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }
    for run in server.post(f"{api_url}/flow_runs/filter", asked) or []:
        slug = slugs.get((run.get("created_by") or {}).get("id"))
        if slug and run["next_scheduled_start_time"]:
            found.setdefault(slug, run["next_scheduled_start_time"])
    return found


def last(api_url: str, limit: int) -> list[dict[str, Any]]:
    """The runs that started last, the newest first."""
    if not limit:
        return []
    asked = {
        "sort": "START_TIME_DESC",
        "limit": limit,
        "flow_runs": {"start_time": {"is_null_": False}},
    }
    runs = server.post(f"{api_url}/flow_runs/filter", asked) or []
    ids = sorted({run["flow_id"] for run in runs})
    flows = server.post(f"{api_url}/flows/filter", {"flows": {"id": {"any_": ids}}}) or []
    names = {flow["id"]: flow["name"] for flow in flows}
    return [
        {
            "id": run["id"],
            "flow": names.get(run["flow_id"], ""),
            "name": run["name"],
            "state": run["state_name"],
            "started": run["start_time"],
            "seconds": run["estimated_run_time"],
        }
        for run in runs
    ]
