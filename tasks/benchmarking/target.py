"""The server that is measured: where it is, what it is, which models it has, how it tokenizes.

Asked before the clock starts, one request after the other, without following redirects, at the
addresses that the mode was checked against.
"""

from __future__ import annotations

import difflib
import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from slipstream.storage.config.endpoints import Endpoint, connect
from slipstream.storage.errors import SlipError, UsageError
from slipstream.tasks.benchmarking.faults import MAY_PASS, MEANINGS, Fault
from slipstream.tasks.benchmarking.sample import NO_ENDPOINT, by_status, said

ASK_SECONDS = 10.0
LOADING_PAUSE = 0.5  # seconds between two looks at a server that loads its model
LARGEST = 16 * 1024 * 1024  # bytes of an answer that are read
LONGEST_ERROR = 200  # bytes in which an error is told
OWNERS = {
    "vllm": "vLLM",
    "sglang": "SGLang",
    "llamacpp": "llama.cpp",
    "library": "Ollama",
    "organization_owner": "LM Studio",
}
"""Who is told to own the models (`owned_by`), by server."""
VERSIONS = {
    "vLLM": ("/version", "version"),
    "SGLang": ("/get_server_info", "version"),
    "llama.cpp": ("/props", "build_info"),
    "Ollama": ("/api/version", "version"),
}
"""Where each server tells its version, below its root, and under which name."""


class ServerError(SlipError):
    """Nothing can be measured there.

    Attributes:
        fault: Why.
        may_pass: Another try, a little later, may do.
    """

    def __init__(self, fault: Fault, where: str, words: str = "") -> None:
        said = f" ({' '.join(words.split())[:200]})" if words.strip() else ""
        super().__init__(f"{where}: {MEANINGS[fault].sentence.removesuffix('.')}{said}.")
        self.fault = fault
        self.may_pass = fault in MAY_PASS


class Reply(NamedTuple):
    """An answer: its status, its headers with names in lower case, its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        """The body as JSON; None: it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Target(NamedTuple):
    """A server and how to speak to it.

    Attributes:
        base_url: Such as `http://127.0.0.1:8000/v1`.
        endpoint: The same, checked.
        api_key: Empty: none. Never stored, never shown.
    """

    base_url: str
    endpoint: Endpoint
    api_key: str = ""


class Server(NamedTuple):
    """What a server tells of itself.

    Attributes:
        name: Such as `vLLM`; empty: it does not say.
        version: Empty: it does not say.
        models: Those it lists.
        model: The one that is measured.
        properties: What it tells of that model.
        max_length: Most tokens of prompt and answer; None: it does not say.
        tokenize: The field in which its /tokenize takes a text; empty: it has none.
    """

    name: str
    version: str
    models: tuple[str, ...]
    model: str
    properties: Mapping[str, Any]
    max_length: int | None
    tokenize: str


def ask(
    target: Target, path: str, body: object = None, *, root: bool = False, seconds: float = 0
) -> Reply:
    """Ask the server for something.

    Args:
        target: The server.
        path: Below the base URL, such as `/models`.
        body: Sent as JSON where it is given.
        root: The path is below the root of the server instead.
        seconds: How long the answer may take; default 10.

    Raises:
        ServerError: There was no answer.
    """
    headers = {"Accept": "application/json", "Host": _host(target.endpoint)}
    if target.api_key:
        headers["Authorization"] = f"Bearer {target.api_key}"
    content = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        content = json.dumps(body).encode()
    prefix = target.endpoint.path.removesuffix("/v1") if root else target.endpoint.path
    wait = seconds or ASK_SECONDS
    connection = http.client.HTTPConnection(target.endpoint.host, target.endpoint.port)
    try:
        connection.sock = connect(target.endpoint, wait)
        connection.request("GET" if content is None else "POST", prefix + path, content, headers)
        answer = connection.getresponse()
        kept = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, kept, answer.read(LARGEST))
    except ConnectionRefusedError as error:
        raise ServerError(Fault.REFUSED, target.base_url) from error
    except ssl.SSLError as error:
        raise ServerError(Fault.TLS, target.base_url, str(error)) from error
    except TimeoutError as error:
        raise ServerError(Fault.NO_ANSWER, target.base_url) from error
    except http.client.RemoteDisconnected as error:
        raise ServerError(Fault.CLOSED_EARLY, target.base_url) from error
    except http.client.HTTPException as error:
        raise ServerError(Fault.MALFORMED, target.base_url, str(error)) from error
    except ValueError as error:  # a key with a line break, or one that is not Latin-1
        raise UsageError("The key cannot be sent as it is; correct it.") from error
    except OSError as error:
        raise ServerError(Fault.UNREACHABLE, target.base_url, str(error)) from error
    finally:
        connection.close()


def look(
    target: Target,
    model: str = "",
    wait_seconds: float = 0.0,
    waiting: Callable[[], None] = lambda: None,
) -> Server:
    """See that the server can be measured, and what it is.

    Args:
        target: The server.
        model: The one to measure; empty: the only one that it lists.
        wait_seconds: How long to wait for one that still loads its model.
        waiting: Called once when that begins.

    Raises:
        ServerError: Nothing can be measured there; the fault says why.
        UsageError: No model was named and there are several.
    """
    reply = _models(target, wait_seconds, waiting)
    listed = _listed(reply)
    names = tuple(str(card["id"]) for card in listed)
    server = _name(reply, listed)
    model = _chosen(target, model, names, any_name=server == "llama.cpp" or not names)
    card = next((card for card in listed if card["id"] == model), {})
    length = card.get("max_model_len") or (card.get("meta") or {}).get("n_ctx_train")
    return Server(
        name=server,
        version=_version(target, server),
        models=names,
        model=model,
        properties=card,
        max_length=length if isinstance(length, int) else None,
        tokenize=_tokenizes(target, model),
    )


def count_tokens(target: Target, field: str, model: str, text: str) -> int | None:
    """How many tokens the server's own /tokenize finds in a text; None: it does not tell."""
    return _count(ask(target, "/tokenize", {field: text, "model": model}, root=True))


def _count(reply: Reply) -> int | None:
    value = reply.value
    if reply.status != 200 or not isinstance(value, dict):
        return None
    tokens = value.get("tokens")
    count = value.get("count", len(tokens) if isinstance(tokens, list) else None)
    return count if isinstance(count, int) else None


def chat_overhead(target: Target, server: Server, roles: Sequence[str]) -> int:
    """How many tokens the model's chat template adds to the texts of messages; 0: not known.

    Args:
        target: The server.
        server: What is known of it.
        roles: Of the messages.
    """
    text = "one two three"
    messages = [{"role": role, "content": text} for role in roles]
    try:
        alone = count_tokens(target, server.tokenize, server.model, text)
        if server.tokenize == "prompt":
            body = {"messages": messages, "model": server.model, "add_generation_prompt": True}
            whole = _count(ask(target, "/tokenize", body, root=True))
        else:
            made = ask(target, "/apply-template", {"messages": messages}, root=True).value
            rendered = made.get("prompt") if isinstance(made, dict) else None
            if not isinstance(rendered, str):
                return 0
            whole = count_tokens(target, server.tokenize, server.model, rendered)
    except ServerError:
        return 0
    return max(0, whole - alone * len(roles)) if whole and alone else 0


def _models(target: Target, wait_seconds: float, waiting: Callable[[], None]) -> Reply:
    until = time.monotonic() + wait_seconds
    told = False
    while True:
        reply = ask(target, "/models")
        if reply.status != 503 or time.monotonic() > until:
            break
        if not told:
            waiting()
        told = True
        time.sleep(LOADING_PAUSE)
    fault, words = by_status(reply.status, reply.body, reply.headers.get("location", ""))
    if fault is Fault.UNKNOWN_MODEL:  # no model was named
        fault = Fault.WRONG_PATH
    if fault is None and NO_ENDPOINT.encode() in reply.body[:LONGEST_ERROR]:
        fault, words = Fault.WRONG_PATH, said(reply.body)
    if fault is None and not isinstance(reply.value, dict):
        page = reply.body.lstrip()[:1] == b"<"
        fault, words = (Fault.HTML if page else Fault.MALFORMED), ""
    if fault:
        raise ServerError(fault, target.base_url, words)
    return reply


def _listed(reply: Reply) -> list[dict[str, Any]]:
    cards = reply.value.get("data")
    return [c for c in cards if isinstance(c, dict) and c.get("id")] if cards else []


def _chosen(target: Target, model: str, names: tuple[str, ...], *, any_name: bool) -> str:
    if model in names or (model and any_name):
        return model
    if model:
        near = difflib.get_close_matches(model, names, 3, 0.3) or list(names[:3])
        raise ServerError(
            Fault.UNKNOWN_MODEL, target.base_url, f"{model}; the nearest are {', '.join(near)}"
        )
    if len(names) == 1:
        return names[0]
    if not names:
        raise UsageError(f"{target.base_url} lists no model; name one with --model.")
    more = ", …" if len(names) > 8 else ""
    raise UsageError(
        f"{target.base_url} has several models; name one with --model: {', '.join(names[:8])}{more}"
    )


def _name(reply: Reply, listed: list[dict[str, Any]]) -> str:
    told = reply.headers.get("server", "")
    if told.lower().startswith("llama.cpp"):
        return "llama.cpp"
    owners = [str(card.get("owned_by", "")) for card in listed]
    return next((OWNERS[owner] for owner in owners if owner in OWNERS), "")


def _version(target: Target, server: str) -> str:
    if server not in VERSIONS:
        return ""
    path, name = VERSIONS[server]
    try:
        value = ask(target, path, root=True).value
    except ServerError:
        return ""
    return str(value.get(name, "")) if isinstance(value, dict) else ""


def _tokenizes(target: Target, model: str) -> str:
    for field in ("prompt", "content"):
        try:
            if (count_tokens(target, field, model, "one two three") or 0) > 1:
                return field
        except ServerError:
            return ""
    return ""


def _host(endpoint: Endpoint) -> str:
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{host}:{endpoint.port}"
