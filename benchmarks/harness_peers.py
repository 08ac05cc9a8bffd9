"""The clients that are compared: how each is started, and what it says of each request.

GuideLLM and AIPerf live in environments of their own below .bench/. One that cannot be installed
here is left out and named. None may open a connection but to the simulated server: they are told
to be offline, and get a tokenizer from a folder that looks like the cache of their hub.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from harness_minimal import TOKENS

from slipstream.storage import bench, database
from slipstream.tasks.benchmarking import keep

PACKAGES = {"guidellm": "guidellm==0.8.1", "aiperf": "aiperf==0.13.0"}
OURS = "slip bench run"
MODEL = "simulated"
WORDS = "local/words"
"""What the tokenizer is called."""
HOME = "home"
"""Folder of our own data, below the scratch."""
_COMMIT = "0" * 40
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
_PASSED = ("PATH", "LANG", "PYTHONPATH", "LD_LIBRARY_PATH")


class Job(NamedTuple):
    """What a client shall do."""

    base_url: str
    streams: int
    requests: int
    """Measured ones; the first of each stream come on top."""
    ramp: float
    """Seconds over which the streams begin."""
    folder: Path
    """Scratch; the client is started there."""

    @property
    def all(self) -> int:
        return self.requests + self.streams


class Seen(NamedTuple):
    """What a client says of one request."""

    identity: str
    """What the simulated server calls it; empty: not told."""
    sent_ns: int
    """When it was sent, of the server's clock, where there is no identity."""
    ttft_ms: float
    itl_ms: float
    """Mean of the request: what all of them tell."""


class Client(NamedTuple):
    """A client."""

    name: str
    command: Callable[[Job], Sequence[str]]
    read: Callable[[Job], list[Seen]]
    """Called when it has ended; its standard output is in the file `out`."""


def environment(folder: Path) -> dict[str, str]:
    """What all clients are given: nothing of this user's, and no way out."""
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    own = {
        "HOME": folder,
        "SLIPSTREAM_HOME": folder / HOME,
        "HF_HOME": folder / "hub-home",
        "HF_HUB_CACHE": _hub(folder),
    }
    return passed | _OFFLINE | {name: str(path) for name, path in own.items()}


def clients(programs: dict[str, Path], slip: Sequence[str], wanted: Sequence[str]) -> list[Client]:
    """Ours, and those of the others that are wanted and there."""
    found = [Client(OURS, lambda job: [*slip, *_ours(job)], _read_ours)]
    if "guidellm" in programs:
        guidellm = str(programs["guidellm"] / "guidellm")
        found.append(
            Client("GuideLLM 0.8.1", lambda job: [guidellm, *_guidellm(job)], _read_guidellm)
        )
    if "aiperf" in programs:
        aiperf = str(programs["aiperf"] / "aiperf")
        found.append(Client("AIPerf 0.13.0", lambda job: [aiperf, *_aiperf(job)], _read_aiperf))
    if "aiohttp" in wanted:
        found.append(Client("aiohttp, minimal", _minimal, _read_minimal))
    return found


def _ours(job: Job) -> list[str]:
    suite = {
        "name": "harness",
        "benchmarks": [
            {
                "name": "streams",
                "family": "throughput",
                "prompt_tokens": [8],
                "output_tokens": TOKENS,
                "concurrency": [job.streams],
                "warmup": job.streams,
                "iterations": job.requests,
                "ramp_s": job.ramp,
                "limit_s": 3600,
            }
        ],
    }
    file = job.folder / "suite.json"
    file.write_text(json.dumps(suite), encoding="utf-8")
    return ["bench", "run", "--no-calibrate", "-s", str(file), "--base-url", job.base_url,
            "--model", MODEL]  # fmt: skip


def _read_ours(job: Job) -> list[Seen]:
    with closing(database.connect(job.folder / HOME)) as connection:
        run = bench.runs(connection, 1)[0]
        (cell,) = bench.cells(connection, run.id)
        samples = [keep.to_sample(row) for row in bench.samples(connection, cell.id)]
    found = []
    for one in samples:
        if one.good and len(one.chunk_ns) > 1:
            first, last = one.chunk_ns[0], one.chunk_ns[-1]
            gap = (last - first) / (len(one.chunk_ns) - 1)
            found.append(Seen("", one.sent_ns, first / 1e6, gap / 1e6))
    return found


def _guidellm(job: Job) -> list[str]:
    rows = ({"prompt": text, "output_tokens_count": TOKENS} for text in _prompts(job.all))
    data = _write(job.folder / "prompts.jsonl", rows)
    target = job.base_url.removesuffix("/v1")
    return ["run", "--disable-console",
            "--backend", f"kind=openai_http,target={target},model={MODEL},max_tokens={TOKENS}",
            "--profile",
            f"kind=concurrent,streams={job.streams},rampup_duration={job.ramp}",
            "--constraint", f"kind=max_requests,count={job.all}",
            "--data", f"kind=json_file,path={data}",
            "--tokenizer", f"kind=hf_auto,model={_hub(job.folder).joinpath(*_SNAPSHOT)}",
            "--output", f"kind=json,path={job.folder / 'report.json'}"]  # fmt: skip


def _read_guidellm(job: Job) -> list[Seen]:
    report = json.loads((job.folder / "report.json").read_text(encoding="utf-8"))
    return [
        Seen(one["response_id"], 0, one["time_to_first_token_ms"], one["inter_token_latency_ms"])
        for one in report["benchmarks"][0]["requests"]["successful"]
    ]


def _aiperf(job: Job) -> list[str]:
    data = _write(job.folder / "prompts.jsonl", ({"text": text} for text in _prompts(job.all)))
    return ["profile", "-m", MODEL, "-u", job.base_url.removesuffix("/v1"),
            "--endpoint-type", "chat", "--streaming",
            "--concurrency", str(job.streams), "--request-count", str(job.all),
            "--concurrency-ramp-duration", str(job.ramp) if job.streams > 1 else "0.001",
            "--input-file", str(data), "--custom-dataset-type", "single-turn",
            "--tokenizer", WORDS, "--use-server-token-count", "--use-legacy-max-tokens",
            "--extra-inputs", f"max_tokens:{TOKENS}", "--export-level", "records",
            "--output-artifact-dir", str(job.folder / "artifacts"),
            "--no-gpu-telemetry", "--no-server-metrics", "--ui", "none"]  # fmt: skip


def _read_aiperf(job: Job) -> list[Seen]:
    found = []
    for one in _lines(job.folder / "artifacts" / "profile_export.jsonl"):
        told = one["metrics"]
        values = [told[name]["value"] for name in ("time_to_first_token", "inter_token_latency")]
        found.append(Seen(one["metadata"]["x_request_id"], 0, *values))
    return found


def _minimal(job: Job) -> list[str]:
    program = Path(__file__).with_name("harness_minimal.py")
    url = f"{job.base_url}/chat/completions"
    return [sys.executable, str(program), url, str(job.streams), str(job.all), str(job.ramp)]


def _read_minimal(job: Job) -> list[Seen]:
    return [Seen(one["id"], 0, one["ttft_ms"], one["itl_ms"]) for one in _lines(job.folder / "out")]


_SNAPSHOT = (f"models--{WORDS.replace('/', '--')}", "snapshots", _COMMIT)


def _hub(folder: Path) -> Path:
    """A cache of the hub with one tokenizer, which splits at white space."""
    hub = folder / "hub"
    snapshot = hub.joinpath(*_SNAPSHOT)
    if not snapshot.exists():
        from tokenizers import Tokenizer, models, pre_tokenizers

        snapshot.mkdir(parents=True)
        (hub / _SNAPSHOT[0] / "refs").mkdir()
        (hub / _SNAPSHOT[0] / "refs" / "main").write_text(_COMMIT, encoding="ascii")
        words = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
        words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        words.save(str(snapshot / "tokenizer.json"))
        about = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>"}
        (snapshot / "tokenizer_config.json").write_text(json.dumps(about), encoding="utf-8")
    return hub


def _prompts(count: int) -> Iterable[str]:
    """Texts of eight words or so, each of its own."""
    return (f"{number} hello there and how are you today" for number in range(count))


def _write(file: Path, rows: Iterable[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
