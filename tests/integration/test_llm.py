"""A real server with a real model: llama.cpp's own and SmolLM2-135M, where they are installed.

`make llm` does that. What the model says is its own business; how it is said is tested.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from slipstream.storage.errors import NotFoundError, SlipError, UsageError
from slipstream.tasks.benchmarking import local_server
from slipstream.tasks.benchmarking.local_server import LocalServer
from tests.conftest import Slip

pytest.importorskip("xllamacpp", reason="llama.cpp's server is not installed: `make llm`")
try:
    MODEL = local_server.model_file()
except NotFoundError as problem:
    pytest.skip(str(problem), allow_module_level=True)

# One worker takes all: the model answers one after the other anyway.
pytestmark = pytest.mark.xdist_group("llm")
# One thread: two would wait for each other in a loop while other tests want the cores.
PROGRAM = """
import sys
from slipstream.tasks.benchmarking.local_server import LocalServer, serve
serve(LocalServer(port=int(sys.argv[1]), threads=1), lambda url, name: print(url, name, flush=True))
"""
MESSAGES: Any = [{"role": "user", "content": "Count from one to five."}]


def run(port: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(port)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, str]]:
    """Base URL and model of a server that is ready."""
    with run() as process:
        assert process.stdout is not None
        url, name = process.stdout.readline().split()
        yield url, name
        process.terminate()


@pytest.fixture(scope="module")
def client(server: tuple[str, str]) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server[0], api_key="none", max_retries=0, timeout=60) as made:
        yield made


def test_it_lists_the_model_by_its_name(client: openai.OpenAI, server: tuple[str, str]) -> None:
    """Not by the path of its file."""
    assert [model.id for model in client.models.list()] == [server[1]] == [MODEL.stem]


def test_a_stream_brings_its_tokens_one_by_one(
    client: openai.OpenAI, server: tuple[str, str]
) -> None:
    """A chunk with the role, one for each token, and usage when it is asked for."""
    stream = client.chat.completions.create(
        model=server[1],
        messages=MESSAGES,
        max_tokens=8,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    texts = [c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content]
    usage = chunks[-1].usage
    assert usage is not None
    assert usage.completion_tokens == 8
    assert 6 <= len(texts) <= 8
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "length"


def test_the_same_question_is_answered_alike(
    client: openai.OpenAI, server: tuple[str, str]
) -> None:
    """At temperature 0; the prompt comes from the cache the second time."""
    answers = [
        client.chat.completions.create(
            model=server[1], messages=MESSAGES, max_tokens=6, temperature=0, seed=1
        )
        for _ in range(2)
    ]
    texts = [answer.choices[0].message.content for answer in answers]
    assert texts[0] == texts[1]
    usage = answers[1].usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.prompt_tokens_details.cached_tokens


def test_tokens_and_metrics_are_told(server: tuple[str, str]) -> None:
    """As the harness uses them: /tokenize counts, /metrics counts requests."""
    root = server[0].removesuffix("/v1")
    data = json.dumps({"content": "hello world"}).encode()
    with urllib.request.urlopen(root + "/tokenize", data) as answer:
        assert len(json.load(answer)["tokens"]) == 2
    with urllib.request.urlopen(root + "/metrics") as answer:
        assert b"llamacpp:tokens_predicted_total" in answer.read()


def test_an_answer_can_be_held_to_a_schema(client: openai.OpenAI, server: tuple[str, str]) -> None:
    """llama.cpp makes the model keep to it."""
    schema = {
        "type": "object",
        "properties": {"count": {"type": "integer", "minimum": 0, "maximum": 9}},
        "required": ["count"],
        "additionalProperties": False,
    }
    form: Any = {"type": "json_schema", "json_schema": {"name": "count", "schema": schema}}
    answer = client.chat.completions.create(
        model=server[1], messages=MESSAGES, max_tokens=24, temperature=0, response_format=form
    )
    assert isinstance(json.loads(answer.choices[0].message.content or "")["count"], int)


def test_ctrl_c_ends_it() -> None:
    """With exit status 0 and nothing said."""
    with run() as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_a_port_that_is_taken_is_one_sentence() -> None:
    """Before it is said that it serves."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SlipError, match=f"port {port}"):
            local_server.serve(LocalServer(port=port), lambda url, name: None)


def test_a_file_that_is_no_model_is_one_sentence(tmp_path: Path) -> None:
    """Whether it is missing, empty or something else."""
    with pytest.raises(NotFoundError, match="There is no file"):
        local_server.serve(LocalServer(model=str(tmp_path / "x.gguf")), lambda url, name: None)
    (tmp_path / "x.gguf").write_bytes(b"")
    with pytest.raises(UsageError, match="not a GGUF file"):
        local_server.serve(LocalServer(model=str(tmp_path / "x.gguf")), lambda url, name: None)
    (tmp_path / "x.gguf").write_bytes(b"GGUF" + b"nonsense" * 100)
    with pytest.raises(SlipError, match="did not start"):
        local_server.serve(LocalServer(model=str(tmp_path / "x.gguf")), lambda url, name: None)


def test_the_harness_measures_it(server: tuple[str, str], home: Path, slip: Slip) -> None:
    """End to end: found, asked, each token counted, the figures printed."""
    arguments = ["--base-url", server[0], "--suite", "smoke", "--benchmark", "latency"]
    arguments += ["--iterations", "2", "--warmup", "0", "--prompt-tokens", "20"]
    arguments += ["--output-tokens", "4", "--no-calibrate", "--json"]
    done = slip("bench", "run", *arguments, timeout=120)
    assert done.returncode == 0, done.stderr
    assert server[1] in done.stdout
    exported = slip("bench", "export", "latest")
    assert exported.returncode == 0, exported.stderr
    assert "llama.cpp" in exported.stdout
