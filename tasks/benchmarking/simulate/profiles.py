"""What model servers do differently, as data.

Facts, and where they are from (the figures after # are of GitHub):

- llama.cpp: seen on its own server (build of October 2026): the first chunk has the role alone and
  comes with the first token; any model name is accepted; `timings` in the last chunk; usage of
  /v1/completions comes on the last chunk unasked; /tokenize takes `content`, and /apply-template
  makes it of messages; unknown paths and errors are `{"error": {"code", "message", "type"}}` with a
  number as code; /v1/models has `meta`; a connection is closed after 100 requests.
- vLLM: errors are `{"error": {"message", "type", "param", "code"}}` with a number as code, models
  have `max_model_len` (vllm/entrypoints/openai/engine/protocol.py); reasoning is called
  `reasoning` since 0.16 (vllm-project/vllm#33402, #27755), `reasoning_content` before; cached
  tokens are reported only on demand (--enable-prompt-tokens-details).
- Ollama: each chunk has the role and content, calls come whole in one chunk, reasoning is called
  `reasoning`, the fingerprint is `fp_ollama`, errors have a type by status and no code
  (openai/openai.go); every call of a stream may have index 0 (ollama/ollama#15457); the usage chunk
  comes when asked for (ollama/ollama#6784). No /tokenize, /metrics, /health.
- LM Studio: without usage in streams in old versions (lmstudio-ai/lmstudio-bug-tracker#713, #676),
  in which the fingerprint is the model's name; models that are on disk are listed whether loaded or
  not, more about them is in /api/v0/models. No /tokenize, /metrics, /health.
- SGLang: chunks have all fields, null where they say nothing, and `matched_stop`
  (sgl-project/sglang#6310); errors are flat, `{"object": "error", "message", "type", "code"}`
  (python/sglang/srt/entrypoints/openai/protocol.py); cached tokens are reported only on demand.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Profile(NamedTuple):
    """How a server's answers look."""

    server: str  # the header of that name; empty: none
    owner: str  # owned_by in the list of models
    fingerprint: str | None = None  # system_fingerprint; "{model}": the model's name
    role_chunk: bool = True  # a first chunk with the role alone
    role_content: str | None = ""  # its content
    role_always: bool = False  # each chunk repeats the role
    null_fields: bool = False  # each delta has all fields
    reasoning_field: str = "reasoning_content"
    whole_calls: bool = False  # a tool call is one chunk
    call_index: bool = True  # calls are counted; else each has index 0
    usage: str = "asked"
    completion_usage: str = "asked"  # the same for /v1/completions
    null_usage: bool = False  # chunks before it carry `"usage": null` when usage was asked for
    cached_tokens: bool = True  # usage tells them
    any_model: bool = False  # every model name is accepted
    tokenize: str = ""  # the field of /tokenize that holds the text; empty: no such endpoint
    health: bool = True  # it has /health
    metrics: str = ""  # prefix of the names in /metrics; empty: no such endpoint
    about: str = ""  # the path at which it tells what it is; empty: none
    finish_apart: bool = True  # the finish reason comes in a chunk without content
    timings: bool = False
    keep_requests: int = 0  # a connection is closed after so many; 0: never


PROFILES = {
    "openai": Profile("", "slipstream", null_usage=True, tokenize="prompt", metrics="vllm:"),
    "vllm": Profile(
        "uvicorn",
        "vllm",
        about="/version",
        reasoning_field="reasoning",
        cached_tokens=False,
        finish_apart=False,
        tokenize="prompt",
        metrics="vllm:",
    ),
    "ollama": Profile(
        "",
        "library",
        about="/api/version",
        health=False,
        fingerprint="fp_ollama",
        role_chunk=False,
        role_always=True,
        reasoning_field="reasoning",
        whole_calls=True,
        call_index=False,
        cached_tokens=False,
    ),
    "lmstudio": Profile(
        "",
        "organization_owner",
        about="/api/v0/models",
        health=False,
        fingerprint="{model}",
        role_chunk=False,
        role_always=True,
        usage="never",
        cached_tokens=False,
    ),
    "llama.cpp": Profile(
        "llama.cpp",
        "llamacpp",
        role_content=None,
        about="/props",
        fingerprint="b0-unknown",
        completion_usage="last_chunk",
        any_model=True,
        tokenize="content",
        metrics="llamacpp:",
        timings=True,
        keep_requests=100,
    ),
    "sglang": Profile(
        "uvicorn",
        "sglang",
        about="/get_server_info",
        null_fields=True,
        null_usage=True,
        cached_tokens=False,
        tokenize="prompt",
        metrics="sglang:",
    ),
}

_TYPES = {
    400: ("invalid_request_error", "BadRequestError"),
    401: ("authentication_error", "AuthenticationError"),
    404: ("not_found_error", "NotFoundError"),
    405: ("invalid_request_error", "MethodNotAllowedError"),
    413: ("invalid_request_error", "RequestEntityTooLargeError"),
    429: ("rate_limit_error", "RateLimitError"),
    500: ("server_error", "InternalServerError"),
    501: ("not_supported_error", "NotImplementedError"),
    503: ("unavailable_error", "ServiceUnavailableError"),
}


def error_body(profile: str, status: int, message: str) -> dict[str, Any]:
    """The JSON object that tells an error."""
    plain, exception = _TYPES.get(status, ("server_error", "InternalServerError"))
    if profile == "sglang":
        name = exception.replace("BadRequestError", "BadRequest")
        return {"object": "error", "message": message, "type": name, "param": None, "code": status}
    if profile == "vllm":
        if status == 401:  # its check of the key answers by itself, with a text for an error
            return {"error": "Unauthorized"}
        fields = {"message": message, "type": exception, "param": None, "code": status}
    elif profile == "llama.cpp":
        fields = {"code": status, "message": message, "type": plain}
    elif profile == "ollama":
        known = {400: "invalid_request_error", 404: "not_found_error"}
        fields = {"message": message, "type": known.get(status, "api_error")}
        fields |= {"param": None, "code": None}
    else:
        code = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
        fields = {"message": message, "type": plain, "param": None, "code": code.get(status)}
    return {"error": fields}


def unknown_path(profile: str, method: str, path: str) -> tuple[int, bytes, str]:
    """Status, body and content type of the answer at a path that a server does not have.

    vLLM and SGLang answer as their web framework (FastAPI) does, Ollama as its own (Gin);
    LM Studio answers 200 all the same.
    """
    if profile in ("vllm", "sglang"):
        told: dict[str, Any] = {"detail": "Not Found"}
    elif profile == "ollama":
        return 404, b"404 page not found", "text/plain"
    elif profile == "lmstudio":
        words = f"Unexpected endpoint or method. ({method} {path}). Returning 200 anyway"
        return 200, json.dumps({"error": words}).encode(), "application/json; charset=utf-8"
    elif profile == "llama.cpp":
        told = error_body(profile, 404, "File Not Found")
    else:
        told = error_body(profile, 400, f"Invalid URL ({method} {path})")
    return 404, json.dumps(told).encode(), "application/json"


def unknown_model(profile: str, model: str, models: tuple[str, ...]) -> str:
    """The words in which a server says that it does not have a model."""
    if profile == "ollama":
        return f'model "{model}" not found, try pulling it first'
    if profile == "lmstudio":
        return f'Model "{model}" not found. Available: {", ".join(models)}.'
    if profile == "openai":
        return f"The model `{model}` does not exist. Available: {', '.join(models)}."
    return f"The model `{model}` does not exist."


def model_card(profile: str, model: str, context_length: int) -> dict[str, Any]:
    """One entry of /v1/models."""
    card: dict[str, Any] = {"id": model, "object": "model"}
    card |= {"created": 1_700_000_000, "owned_by": PROFILES[profile].owner}
    if profile in ("vllm", "sglang", "openai"):
        card["max_model_len"] = context_length
    if profile in ("vllm", "sglang"):
        card["root"] = model
    if profile == "llama.cpp":
        card["meta"] = {"n_ctx": context_length, "n_ctx_train": context_length, "n_vocab": 2**31}
    return card


def about(profile: str, models: tuple[str, ...], context_length: int) -> dict[str, Any]:
    """What a server tells about itself at `Profile.about`."""
    if profile == "lmstudio":
        more: dict[str, Any] = {"object": "model", "type": "llm", "state": "loaded"}
        more["max_context_length"] = context_length
        return {"object": "list", "data": [{"id": model} | more for model in models]}
    if profile == "llama.cpp":
        settings = {"n_ctx": context_length}
        return {"build_info": "simulated", "default_generation_settings": settings}
    return {"version": "simulated"}
