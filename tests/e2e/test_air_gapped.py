"""The mode `air-gapped`, proven: all commands and flows work where there is no network at all.

They run in a network namespace with loopback alone, so that nothing can succeed elsewhere; and two
witnesses tell what was only tried, because a failure can be passed over in silence. Python's audit
events name connections and look-ups of every Python process. The kernel counts what it had no route
for, and what was sent to loopback's ports that nobody listens on, as it is when a resolver there is
asked: that sees code which is not Python's, too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from slipstream.cli.main import build_app
from slipstream.flows.catalog import FLOWS
from slipstream.tasks.indexing import embed_local
from tests.e2e.conftest import SLIP
from tests.unit.cli.conftest import make_project

# One worker, so that Prefect's database is made once.
pytestmark = [
    pytest.mark.xdist_group("air-gapped"),
    pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's"),
]
HERE = Path(__file__).parent
COUNTERS = ("IpOutNoRoutes", "Ip6OutNoRoutes", "UdpNoPorts", "Udp6NoPorts")
QUICK = ("-s", "smoke", "-b", "latency", "-n", "4", "--output-tokens", "4", "--no-calibrate")
TOUR = """
doctor
config show
config schema
run --timeout 60 -- git status
summarize build.log
log last --lines 1:2
summary list
summary show last
types
types explain build.log
cache warm
search parse_header
symbols shop/cart.py
map
cache stats
cache list
cache inspect KEY
cache explain shop/cart.py
cache verify
cache report
cache invalidate --path shop --force
cache clear --force
hook git install
hook git status
hook git run
hook git remove
bench list
bench run QUICK --tag one --repeat 2
bench tools --case read-lines --repeats 1
bench ab URL URL QUICK --repeat 1 --fail-on never
bench results
bench show one-1
bench export one-1 -o one.json
bench tag one-1 two
bench baseline set one-1
bench baseline list
bench baseline show
bench baseline calibrate --runs 2 --no-calibrate
compare one-1 one-2 --fail-on never --format html -o report.html
bench comparisons
bench trend ttft --format html -o trend.html
bench baseline rm one-1 --force
bench delete one-1 --force
bench import one.json
schedule ls
schedule set maintain-light --every 1h
schedule pause maintain-light
schedule resume maintain-light
flow ls
events ls
events relay
events tail
maintain --full
audit
"""
"""What is asked, in this order; capitals stand for what is known when it is asked."""
BESIDES = {
    *("bench simulate", "bench calibrate", "bench serve-local"),
    *("up", "down", "status", "flow run", "flow runs", "flow logs"),
    "demo",
}
"""Commands that are asked in another way; `demo` runs some of the others."""
ONE = "suite=smoke", "benchmarks=latency", "iterations=4", "output_tokens=4", "calibrate=false"
FLOW_RUNS = (
    ("summarize-output", "paths={project}/build.log"),
    ("warm-cache", "path={project}"),
    ("invalidate-cache", "prefix=v1"),
    ("run-benchmark", *ONE, "tag=second"),
    ("compare-benchmarks", "base=first", "candidates=second", "fail_on=never"),
    ("maintain", "level=full"),
)


class Done(NamedTuple):
    """How a command ended."""

    status: int
    output: str
    errors: str


class Apart(NamedTuple):
    """A namespace with loopback alone; a repository, a data folder, and what the events told."""

    process: subprocess.Popen[str]
    project: Path
    notes: Path
    env: dict[str, str]

    def run(self, *command: str, start: bool = False) -> Done:
        """Run a command there to its end; or start it, and get the first line that it prints."""
        asked = {
            "command": command,
            "cwd": str(self.project),
            "env": self.env,
            "start": start,
        }
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return Done(*json.loads(self.process.stdout.readline()))

    def slip(self, *arguments: str, start: bool = False) -> str:
        """Run `slip` there, which has to go well; what it prints."""
        done = self.run(*SLIP, *arguments, start=start)
        assert done.status == 0, (arguments, done)
        return done.output

    def noted(self) -> list[dict[str, Any]]:
        """What the audit events told: each process that began, and each attempt."""
        return [json.loads(line) for line in self.notes.read_text().splitlines()]

    def counted(self) -> dict[str, int]:
        """Those of the kernel's counters that tell of attempts."""
        net = Path("/proc", str(self.process.pid), "net")
        version_6 = net / "snmp6"  # not there where the kernel has none
        text = version_6.read_text() if version_6.exists() else ""
        found = dict(line.split() for line in text.splitlines())
        lines = [line.split() for line in (net / "snmp").read_text().splitlines()]
        for (protocol, *names), (_, *values) in zip(lines[::2], lines[1::2], strict=True):
            found |= {
                protocol[:-1] + name: value for name, value in zip(names, values, strict=True)
            }
        return {name: int(found[name]) for name in COUNTERS if found.get(name, "0") != "0"}

    def tried(self) -> list[str]:
        """All that was tried elsewhere so far; nothing, where all is well."""
        noted = [f"{n['event']} {n['whom']} by {n['arguments']}" for n in self.noted() if n["whom"]]
        return noted + [f"{name} {count}" for name, count in self.counted().items()]


@contextmanager
def entered(folder: Path, compiled: Path) -> Iterator[Apart]:
    """A namespace of its own; skips where the kernel allows none."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    shutil.copytree(compiled, home / "cache")
    project = make_project(folder / "project")
    (project / "build.log").write_text("cc main.c\nmain.c:12:5: error: expected ';'\n")
    notes = folder / "connections"
    notes.touch()
    # Coverage and the user's own Prefect stay outside.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("COV", "PREFECT_"))}
    path = os.pathsep.join([str(HERE / "connections"), *filter(None, [kept.get("PYTHONPATH")])])
    env = kept | {
        "PYTHONPATH": path,
        "CONNECTIONS_LOG": str(notes),
        "SLIPSTREAM_HOME": str(home),
        "SLIPSTREAM_MODE": "air-gapped",
        "SLIPSTREAM_BENCH_LOCK": str(folder / "bench.lock"),
    }
    with subprocess.Popen(
        [sys.executable, HERE / "apart.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout
        if why := json.loads(process.stdout.readline()):
            process.kill()
            pytest.skip(f"no network namespace can be made here: {why}")
        yield Apart(process, project, notes, env)


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Iterator[Apart]:
    """A namespace for the module, so that Prefect's database is made once."""
    with entered(tmp_path_factory.mktemp("apart"), compiled) as found:
        yield found


CONNECT = """
import socket
for host in ("192.0.2.1", "127.0.0.1"):
    try:
        socket.socket().connect((host, 9))
    except OSError as error:
        print(error)
"""
ASK = """
import socket
for name in ("localhost", "127.0.0.1", "elsewhere.example"):
    try:
        socket.getaddrinfo(name, 80)
    except OSError as error:
        print(error)
"""
ASK_AS_A_RESOLVER = """
import socket
for host in ("192.0.2.53", "127.0.0.53"):
    try:
        socket.socket(type=socket.SOCK_DGRAM).sendto(b"?", (host, 53))
    except OSError as error:
        print(error)
"""


def test_the_witnesses_notice_what_is_tried(tmp_path: Path, compiled: Path) -> None:
    """Connections and look-ups, also of a program without the hook; what is of loopback is not."""
    with entered(tmp_path, compiled) as apart:
        for number, options in enumerate(([], ["-I"]), 1):
            assert apart.run(sys.executable, *options, "-c", CONNECT).errors == ""
            assert [note["whom"] for note in apart.noted()] == ["", "192.0.2.1"]
            assert apart.counted() == {"IpOutNoRoutes": number}
        assert apart.run(sys.executable, "-I", "-c", ASK_AS_A_RESOLVER).errors == ""
        assert apart.counted() == {"IpOutNoRoutes": 3, "UdpNoPorts": 1}
        assert apart.run(sys.executable, "-c", ASK).errors == ""
        assert [note["whom"] for note in apart.noted()][2:] == ["", "elsewhere.example"]
        assert len(apart.tried()) == 4


def test_every_command_works_and_none_tries_to_connect_elsewhere(apart: Apart) -> None:
    """On the simulated server, where one is measured."""
    url = apart.slip("bench", "simulate", "--ttft", "1", "--itl", "1", start=True).strip()
    for line in TOUR.strip().splitlines():
        words: list[str] = []
        for word in line.split():
            if word == "QUICK":
                words += QUICK
            elif word == "KEY":
                words.append(json.loads(apart.slip("cache", "list", "--json"))["entries"][0]["key"])
            else:
                words.append(url if word == "URL" else word)
        apart.slip(*words)
        assert apart.tried() == [], line
    lacks = apart.run(*SLIP, "bench", "serve-local", "--model", "none.gguf")
    assert lacks.status in (1, 4), lacks
    assert apart.tried() == []


def test_all_flows_work_with_a_server_and_without_one_and_none_tries_to_connect_elsewhere(
    apart: Apart,
) -> None:
    """With Prefect's temporary server, then with that of `slip up`; nor does the HTML of a page."""
    # What a repository says to Prefect, and modules of it, are not heard.
    (apart.project / ".env").write_text("PREFECT_API_URL=http://192.0.2.1/api\n")
    (apart.project / "uvicorn.py").write_text("raise SystemExit('a module of the repository')")
    python = (sys.executable, "-P", "-m", "slipstream.cli")
    told = parameters(*ONE, "tag=first")
    first = apart.run(*python, "flow", "run", "run-benchmark", *told)
    assert first.status == 0, first
    assert apart.tried() == []
    url = apart.slip("up").strip()
    try:
        for name, *given in FLOW_RUNS:
            made = (one.format(project=apart.project) for one in given)
            apart.slip("flow", "run", name, *parameters(*made), "--watch")
        for asked in ("status", "schedule ls", "flow runs", "flow logs"):
            apart.slip(*asked.split())
        fetch = f"import urllib.request as r; print(r.urlopen({url!r} + '/').read().decode())"
        page = apart.run(sys.executable, "-c", fetch)
        assert "<html" in page.output.lower(), page
        assert re.findall(r"(?:src|href)=[\"']?(?:https?:)?//[^\"' >]*", page.output) == []
    finally:
        apart.slip("down", "--cancel")
    watched = {" ".join(n["arguments"]) for n in apart.noted()}
    for module in ("slipstream.flows.supervise", "slipstream.flows.api", "slipstream.flows.serve"):
        assert any(module in arguments for arguments in watched), module
    assert apart.tried() == []


@pytest.mark.skipif(find_spec(embed_local.PACKAGE) is None, reason=f"needs `{embed_local.INSTALL}`")
def test_search_by_meaning_works_with_the_model_within(apart: Apart) -> None:
    """Its weights are read from the installed package."""
    within = apart._replace(env=apart.env | {"SLIPSTREAM_EMBEDDINGS_MODEL": "local"})
    within.slip("cache", "warm", "--embed")
    within.slip("search", "what somebody wants to purchase")
    assert within.tried() == []


def test_no_command_and_no_flow_is_left_out() -> None:
    """Of those that `slip --help` and `slip flow ls` show."""
    asked = {line.partition(" -")[0] for line in TOUR.strip().splitlines()} | BESIDES
    lacking = [
        path for path in commands(typer.main.get_command(build_app()))
        if not any(f"{line} ".startswith(f"{path} ") for line in asked)
    ]  # fmt: skip
    assert lacking == []
    assert {name for name, *_ in FLOW_RUNS} == set(FLOWS)


def commands(command: Any, path: str = "") -> Iterator[str]:
    """All that can be asked below a command."""
    below: dict[str, Any] = getattr(command, "commands", {})
    if not below or command.invoke_without_command:
        yield path
    for name, one in below.items():
        yield from commands(one, f"{path} {name}".strip())


def parameters(*given: str) -> list[str]:
    """Options of `slip flow run`."""
    return [word for one in given for word in ("-p", one)]
