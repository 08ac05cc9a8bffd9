"""The client for embedding servers, against a real server that fails in each way."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from slipstream.storage.config.endpoints import EndpointError, EndpointUnavailable
from slipstream.storage.config.settings import Embeddings
from slipstream.storage.errors import UsageError
from slipstream.tasks.indexing import embed_server
from slipstream.tasks.indexing.embed_server import EmbeddingServer
from tests.embedding_server import SIZE, Failure, Server, embedding_server, vector

TWO = b'{"data": [{"embedding": [1, 2]}, {"embedding": [3, 4]}]}'


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server, and a client that does not wait long between tries."""
    monkeypatch.setattr(embed_server, "FIRST_WAIT", 0.001)
    with embedding_server() as server:
        yield server


def client(server: Server, **options: float) -> EmbeddingServer:
    """A client for the server."""
    settings = Embeddings(base_url=server.url, model="tiny", api_key_variable="TEST_KEY")
    return EmbeddingServer(settings, "local-only", **options)  # type: ignore[arg-type]


def test_each_text_gets_its_vector_whatever_the_order_of_the_answer(server: Server) -> None:
    """And one connection serves all requests."""
    embedder = client(server)
    texts = ["read a file", "write a file", ""]
    assert embedder.embed(texts) == [vector(text) for text in ("read a file", "write a file", " ")]
    assert embedder.embed([]) == []
    assert len(embedder.embed(["x" * 20_000])[0]) == SIZE
    assert len(server.texts[-1]) == embed_server.MAX_CHARACTERS
    assert server.connections == 1
    assert server.requests[0][1]["model"] == "tiny"
    embedder.close()


def test_the_key_is_sent_as_it_is_set_and_never_shown(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None when it is not set; a wrong one is named by its variable."""
    embedder = client(server)
    embedder.embed(["a"])
    assert "Authorization" not in server.requests[-1][0]
    monkeypatch.setenv("TEST_KEY", "s3cret\n")
    embedder.embed(["a"])
    assert server.requests[-1][0]["Authorization"] == "Bearer s3cret"
    server.failures = [Failure(401, b'{"error": {"message": "wrong key s3cret"}}')]
    with pytest.raises(EndpointError, match=r"refuses the key in \$TEST_KEY") as refused:
        embedder.embed(["a"])
    monkeypatch.setenv("TEST_KEY", "s3\ncret")
    with pytest.raises(EndpointError, match=r"key in \$TEST_KEY cannot be sent") as unsendable:
        embedder.embed(["a"])
    assert "cret" not in str(refused.value) + str(unsendable.value)


@pytest.mark.parametrize(
    "failure",
    [
        Failure(429, headers={"Retry-After": "0.01"}),
        Failure(429, headers={"Retry-After": formatdate(time.time() - 5, usegmt=True)}),
        Failure(503, b"<html>starting</html>", {"Retry-After": "soon"}),
        Failure(500, b"{}"),
        Failure(0),
    ],
    ids=["429", "429 with a date", "503", "500", "closed"],
)
def test_what_may_pass_is_tried_again(server: Server, failure: Failure) -> None:
    """Three times at the most; then it is said to be worth another try."""
    server.failures = [failure] * 3
    assert client(server).embed(["a b"]) == [vector("a b")]
    server.failures = [failure] * 8
    with pytest.raises(EndpointUnavailable):
        client(server).embed(["a b"])


def test_a_server_that_wants_a_long_pause_is_not_waited_for(server: Server) -> None:
    """It is said to be busy at once."""
    server.failures = [Failure(429, b'{"error": "come back later"}', {"Retry-After": "3600"})]
    with pytest.raises(EndpointUnavailable, match=r"busy .*status 429: come back later"):
        client(server).embed(["a"])
    assert len(server.requests) == 1


def test_a_slow_server_is_given_up_after_its_time(server: Server) -> None:
    """The next request goes over a new connection."""
    embedder = client(server, tries=1, seconds=0.2)
    server.failures = [Failure(200, TWO, seconds=0.5)]
    with pytest.raises(EndpointUnavailable, match=r"did not answer within 0\.2 seconds"):
        embedder.embed(["a"])
    assert embedder.embed(["a"]) == [vector("a")]


def test_a_server_that_is_not_there_is_named(server: Server) -> None:
    """With what to do about it."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        embedder = EmbeddingServer(Embeddings(base_url=url, model="m"), "air-gapped", tries=2)
        with pytest.raises(EndpointUnavailable, match=r"cannot be reached \(Connection refused\)"):
            embedder.embed(["a"])


def test_a_kept_connection_that_was_closed_is_opened_again(server: Server) -> None:
    """Without counting as a try."""
    embedder = client(server, tries=1)
    embedder.embed(["a"])
    server.failures = [Failure(0)]
    assert embedder.embed(["b"]) == [vector("b")]
    assert server.connections == 2


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (Failure(200, b"<html>", {"Content-Type": "text/html"}), "text/html instead of JSON"),
        (Failure(200, b'{"data": [{"embedding": [1]}]}'), "1 vectors for 2 texts"),
        (Failure(200, b'{"data": [{"embedding": [1]}, {"embedding": [1, 2]}]}'), "different len"),
        (Failure(200, b'{"data": [{"embedding": []}, {"embedding": []}]}'), "different lengths"),
        (Failure(200, TWO.replace(b"4", b"NaN")), "NaN"),
        (Failure(200, TWO.replace(b"4", b"Infinity")), "NaN"),
        (Failure(200, TWO.replace(b"4", b'"x"')), "JSON that has no vectors"),
        (Failure(200, b'{"data": 3}'), "JSON that has no vectors"),
        (Failure(200, b"[]"), "JSON that has no vectors"),
        (Failure(404, b'{"error": {"message": "model tiny?"}}'), "404: model tiny?"),
        (Failure(418, b"[1]"), "answers with status 418."),
        (Failure(302, headers={"Location": "http://example.org/"}), "example.org/, which is not"),
    ],
    ids=lambda value: "" if isinstance(value, str) else f"{value.status} {value.body.decode()}",
)
def test_a_wrong_answer_is_one_sentence_and_not_tried_again(
    server: Server, failure: Failure, said: str
) -> None:
    """What is wrong with it, and where it came from."""
    server.failures = [failure]
    with pytest.raises(EndpointError) as caught:
        client(server).embed(["a", "b"])
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"The embedding server at 127.0.0.1:{server.server_port}")
    assert not isinstance(caught.value, EndpointUnavailable)
    assert len(server.requests) == 1


def test_texts_that_are_too_long_for_the_server_are_cut(server: Server) -> None:
    """Those beside them are not; what is refused though it is short is said."""
    server.longest = 1000
    long = "word " * 700
    texts = ["a b", long, "c d"]
    assert client(server).embed(texts) == [vector("a b"), vector(long[:875]), vector("c d")]
    too_large = Failure(500, b'{"error": {"message": "input is too large to process"}}')
    server.failures = [too_large]
    assert client(server).embed(["a b", "c d"]) == [vector("a b"), vector("c d")]
    server.longest = 2
    with pytest.raises(EndpointError, match=r"refuses the text \(status 400: the input is too"):
        client(server).embed(["abcdef"])


def test_a_place_that_the_mode_does_not_allow_is_never_connected_to() -> None:
    """It is refused before anything is sent."""
    settings = Embeddings(base_url="https://8.8.8.8/v1", model="m")
    with pytest.raises(UsageError, match="local-only"):
        EmbeddingServer(settings, "local-only")


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_over_tls_the_certificate_has_to_fit(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that nobody vouches for is refused, and so is a server without TLS."""
    plain = Embeddings(base_url=server.url.replace("http", "https"), model="tiny")
    with pytest.raises(EndpointError, match="cannot be reached"):
        EmbeddingServer(plain, "local-only").embed(["a"])
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-batch",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with pytest.raises(EndpointError, match=r"cannot be reached \(.*certificate"):
        client(server).embed(["a"])
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert client(server).embed(["a"]) == [vector("a")]
