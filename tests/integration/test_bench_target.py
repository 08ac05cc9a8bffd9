"""What a server tells of itself before it is measured, in the forms of real servers."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from slipstream.storage.config.endpoints import resolve
from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking import target
from slipstream.tasks.benchmarking.faults import Fault
from slipstream.tasks.benchmarking.prompts import Prompts
from slipstream.tasks.benchmarking.simulate import process
from slipstream.tasks.benchmarking.simulate.profiles import PROFILES
from slipstream.tasks.benchmarking.simulate.settings import Settings
from slipstream.tasks.benchmarking.target import ServerError, Target, look
from tests.raw_server import saying


def at(url: str, key: str = "") -> Target:
    return Target(url, resolve(url, "air-gapped"), key)


@pytest.mark.parametrize(
    ("profile", "name", "tokenizes"),
    [
        ("openai", "", "prompt"),
        ("vllm", "vLLM", "prompt"),
        ("llama.cpp", "llama.cpp", "content"),
        ("ollama", "Ollama", ""),
        ("lmstudio", "LM Studio", ""),
    ],
)
def test_each_server_is_known_by_what_it_tells(profile: Any, name: str, tokenizes: str) -> None:
    with process.start(Settings(profile=profile, models=("tiny",))) as running:
        found = look(at(running.base_url))
        assert (found.name, found.model, found.models) == (name, "tiny", ("tiny",))
        assert found.tokenize == tokenizes
        if tokenizes:
            server = at(running.base_url)

            def count(text: str) -> int:
                return target.count_tokens(server, tokenizes, "tiny", text) or 0

            prompt = Prompts(1, count).make(300, "key", 5)
            assert count(prompt.text) == prompt.tokens == 300


def test_the_key_and_the_model_are_checked() -> None:
    with process.start(Settings(api_key="secret", models=("tiny-1", "tiny-2"))) as running:
        with pytest.raises(ServerError) as error:
            look(at(running.base_url))
        assert error.value.fault is Fault.WRONG_KEY
        server = at(running.base_url, "secret")
        with pytest.raises(UsageError, match=r"several models.*tiny-1, tiny-2"):
            look(server)
        with pytest.raises(ServerError, match=r"tiny-3; the nearest are tiny-") as error:
            look(server, "tiny-3")
        assert error.value.fault is Fault.UNKNOWN_MODEL
        assert look(server, "tiny-2").model == "tiny-2"
        with pytest.raises(UsageError, match="key cannot be sent"):
            look(at(running.base_url, "a\nb"))


def test_a_server_that_loads_is_waited_for_as_long_as_is_said() -> None:
    told: list[bool] = []
    with process.start(Settings(start_ms=1500)) as running:
        with pytest.raises(ServerError) as error:
            look(at(running.base_url))
        assert error.value.fault is Fault.LOADING
        assert look(at(running.base_url), "", 30, lambda: told.append(True)).model == "simulated"
    assert told == [True]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"", Fault.CLOSED_EARLY),
        (b"no http\r\n\r\n", Fault.MALFORMED),
        (b"HTTP/1.1 404 No\r\n\r\n{}", Fault.WRONG_PATH),
        (b"HTTP/1.1 200 OK\r\n\r\n<html>", Fault.HTML),
        (b"HTTP/1.1 200 OK\r\n\r\n[1]", Fault.MALFORMED),
        (b"HTTP/1.1 302 F\r\nlocation: http://other/\r\n\r\n", Fault.REDIRECT),
        (b"HTTP/1.1 500 E\r\n\r\n", Fault.SERVER_ERROR),
    ],
    ids=str,
)
def test_what_cannot_be_measured_is_said_by_its_kind(answer: bytes, fault: Fault) -> None:
    with saying(answer) as url, pytest.raises(ServerError) as error:
        look(at(url))
    assert error.value.fault is fault
    assert str(error.value).startswith(url)
    assert str(error.value).count("\n") == 0


def test_a_server_that_is_not_there_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    with pytest.raises(ServerError, match="Nothing listens there; start the server"):
        look(at(url))


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "ASK_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        with pytest.raises(ServerError) as error:
            look(at(url))
    assert error.value.fault is Fault.NO_ANSWER


def test_tls_where_there_is_none_is_named() -> None:
    with process.start() as running, pytest.raises(ServerError) as error:
        look(at(running.base_url.replace("http:", "https:")))
    assert error.value.fault is Fault.TLS


def test_a_server_without_models_wants_one_named() -> None:
    with saying(b'HTTP/1.1 200 OK\r\n\r\n{"data": []}') as url:
        with pytest.raises(UsageError, match="lists no model"):
            look(at(url))
        assert look(at(url), "mine").model == "mine"


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_wrong_path_is_told_from_an_unknown_model_at_every_server(profile: str) -> None:
    with process.start(Settings(profile=profile)) as server:
        wrong = server.root + "/v2"
        with pytest.raises(ServerError) as told:
            look(at(wrong))
        assert told.value.fault is Fault.WRONG_PATH
        assert "Available" not in str(told.value)
