"""Prefect's pages, as `slip up` serves them, in a real browser."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.e2e.browser import PATIENCE, chromium
from tests.e2e.conftest import SLIP

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.xdist_group("up"),  # beside the other tests of `slip up`: few servers at a time
    pytest.mark.skipif(sys.platform == "win32", reason="signals and forks are POSIX's"),
]
SECONDS = 240  # more than anything takes on a machine that is busy with other tests
CONFIG = """\
server: {port: 0}
schedules: {run_benchmark: {when: off}, maintain_light: {when: off}, maintain_full: {when: off}}
"""
QUICK = (
    "suite=smoke", 'benchmarks=["latency"]', "model=simulated", "iterations=3", "warmup=0",
    "calibrate=false",
)  # fmt: skip


def slip(*arguments: str) -> str:
    """What a command prints that ends well."""
    done = subprocess.run(
        [*SLIP, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with chromium() as started:
        yield started


@pytest.fixture
def url(
    browser: Browser,  # first of all: nothing is started where there is none
    home: Path,
    unmeasured: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """The address of what `slip up` serves, with a benchmark that was run there."""
    config = home / "config.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    monkeypatch.setenv("SLIPSTREAM_CONFIG", str(config))
    address = slip("up")
    try:
        slip("flow", "run", "run-benchmark", "--watch", *(f"-p{name}" for name in QUICK))
        yield address
    finally:
        slip("down", "--cancel")


def opened(browser: Browser, url: str, asked: list[str]) -> Page:
    """The page of all runs; what the browser asks for is listed."""
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{url}/runs")
    return page


def test_a_run_and_its_artifacts_are_found_on_the_pages(url: str, browser: Browser) -> None:
    """From the list of runs to its task graph and its figures; no other machine is asked."""
    asked: list[str] = []
    page = opened(browser, url, asked)
    page.get_by_role("link", name="smoke of simulated on the simulated server").click()
    page.get_by_text("run-benchmark", exact=True).first.wait_for()
    page.locator("canvas").first.wait_for()  # the graph is drawn, not written
    page.get_by_text("Task Runs", exact=True).click()
    page.get_by_text("measure smoke latency concurrency=1 of simulated").first.wait_for()

    page.get_by_text("Artifacts", exact=True).last.click()
    page.get_by_text("run-benchmark-smoke-simulated", exact=True).first.click()
    page.get_by_role("columnheader", name="ttft p50").wait_for()
    page.get_by_text("concurrency=1", exact=True).first.wait_for()

    [run] = json.loads(slip("bench", "results", "--json"))
    for key in ("", "-report", "-plot"):
        page.goto(f"{url}/artifacts/key/run-benchmark-smoke-simulated{key}")
        page.get_by_text(f"Run {run['id']}").first.wait_for()
    page.get_by_role("link", name="smoke of simulated on the simulated server").wait_for()
    hosts = {urlsplit(address).hostname for address in asked if address.startswith("http")}
    assert hosts == {"127.0.0.1"}
    assert {urlsplit(address).scheme for address in asked} <= {"http", "blob", "data"}
