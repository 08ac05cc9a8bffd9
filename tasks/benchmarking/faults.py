"""What can go wrong with a request: each kind has a name, one sentence, and what follows from it.

Names are part of the result format: one may be added, none is ever given another meaning.
"""

from enum import StrEnum
from typing import NamedTuple


class Fault(StrEnum):
    """The kind of what was wrong with a request or its answer."""

    NOT_ALLOWED = "not_allowed"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    NO_ANSWER = "no_answer"
    STALLED = "stalled"
    CLOSED_EARLY = "closed_early"
    MALFORMED = "malformed"
    HTML = "html"
    WRONG_PATH = "wrong_path"
    WRONG_KEY = "wrong_key"
    UNKNOWN_MODEL = "unknown_model"
    REDIRECT = "redirect"
    RATE_LIMITED = "rate_limited"
    LOADING = "loading"
    REJECTED = "rejected"
    NO_TOOLS = "no_tools"
    SERVER_ERROR = "server_error"
    ERROR_IN_STREAM = "error_in_stream"
    EMPTY = "empty"
    NO_USAGE = "no_usage"
    CUT_OFF = "cut_off"


class Meaning(NamedTuple):
    """What a fault says to a person, and what follows from it.

    Attributes:
        sentence: What is wrong and what to do.
        failed: The request counts as failed, and none of its times enter a figure. Otherwise the
            fault is a remark: the times are sound, something else is not known.
        stops: No later request can fare better: the suite stops at once.
    """

    sentence: str
    failed: bool = True
    stops: bool = False


MEANINGS = {
    Fault.NOT_ALLOWED: Meaning(
        "The mode does not allow a connection to this server; change `mode` in your configuration, "
        "or name a server that it allows.",
        stops=True,
    ),
    Fault.REFUSED: Meaning(
        "Nothing listens there; start the server, or correct the address.", stops=True
    ),
    Fault.UNREACHABLE: Meaning(
        "The server's host cannot be found or reached; correct the address, or see to the network.",
        stops=True,
    ),
    Fault.TLS: Meaning(
        "No secure connection could be made; use http:// where the server has no certificate, or "
        "have its certificate trusted.",
        stops=True,
    ),
    Fault.NO_ANSWER: Meaning(
        "The request was accepted and nothing came back in time; give it more time with --timeout, "
        "or see whether the server is stuck."
    ),
    Fault.STALLED: Meaning(
        "The answer stopped in its middle and did not go on in time; see whether the server is "
        "stuck, or give it more time with --timeout."
    ),
    Fault.CLOSED_EARLY: Meaning(
        "The connection was closed before the answer was complete; the server's own log says why."
    ),
    Fault.MALFORMED: Meaning(
        "The stream holds something that is not an event with JSON; the server, or a proxy before "
        "it, breaks the protocol."
    ),
    Fault.HTML: Meaning(
        "A web page came back instead of an answer: the address is not that of an API; it usually "
        "ends in /v1.",
        stops=True,
    ),
    Fault.WRONG_PATH: Meaning(
        "The server knows no such path; the base address usually ends in /v1.", stops=True
    ),
    Fault.WRONG_KEY: Meaning(
        "The server does not accept the key; set it in the environment variable that "
        "`bench.api_key_variable` names.",
        stops=True,
    ),
    Fault.UNKNOWN_MODEL: Meaning(
        "The server does not have this model; choose one that it lists.", stops=True
    ),
    Fault.REDIRECT: Meaning(
        "The server sends the request elsewhere, which is not followed, so that neither key nor "
        "prompt goes there; name the final address if you trust it.",
        stops=True,
    ),
    Fault.RATE_LIMITED: Meaning(
        "The server limits the rate (429); ask for less, or wait as long as it says."
    ),
    Fault.LOADING: Meaning("The server is not ready yet (503); wait until its model is loaded."),
    Fault.REJECTED: Meaning(
        "The server rejects the request as wrong; its own words say what it does not take."
    ),
    Fault.NO_TOOLS: Meaning(
        "The server takes no requests with tools; start it with tool calls switched on (vLLM: "
        "--enable-auto-tool-choice --tool-call-parser NAME; llama.cpp: --jinja), or choose a model "
        "that calls tools.",
        stops=True,
    ),
    Fault.SERVER_ERROR: Meaning("The server failed (5xx); its own log says why."),
    Fault.ERROR_IN_STREAM: Meaning(
        "The server reported an error in the middle of the answer; its own log says why."
    ),
    Fault.EMPTY: Meaning("The answer is complete and holds no token."),
    Fault.NO_USAGE: Meaning(
        "The server told no token counts; they were counted by a tokenizer or estimated, as the "
        "sample says.",
        failed=False,
    ),
    Fault.CUT_OFF: Meaning(
        "The request was still under way when the benchmark ended; it is kept and enters no figure."
    ),
}

MAY_PASS = frozenset(
    {
        Fault.REFUSED,
        Fault.UNREACHABLE,
        Fault.NO_ANSWER,
        Fault.CLOSED_EARLY,
        Fault.RATE_LIMITED,
        Fault.LOADING,
        Fault.SERVER_ERROR,
    }
)
"""What a server that starts anew, or is busy, shows for a while."""


def failed(fault: Fault | None) -> bool:
    """Whether a request with this fault counts as failed."""
    return fault is not None and MEANINGS[fault].failed
