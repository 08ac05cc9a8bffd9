"""Redis: a real server by `storage.redis_url`, else one that lives within this process.

Both are spoken to in the same way and pass the same tests. The one within the process is forgotten
when the process ends; what must outlive it stays in the outbox until it has been handled.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from slipstream.storage.config import endpoints
from slipstream.storage.config.load import load
from slipstream.storage.config.settings import Mode
from slipstream.storage.errors import StorageError, UsageError

Client: TypeAlias = Any
"""`redis.Redis`, whose own types take every answer for every kind of answer."""

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 10.0


def client(home: Path) -> Client:
    """A client of the server that the configuration names, else of this process's own.

    Nothing is connected before the first command.

    Raises:
        UsageError: The URL is none, or the mode does not allow where it leads.
        EndpointUnavailable: Its host has no address.
    """
    config = load().config
    return connect(config.storage.redis_url, config.mode) if config.storage.redis_url else own(home)


@cache
def own(home: Path) -> Client:
    """The one within this process, for a data folder."""
    import fakeredis

    return fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True)


def is_own(client: Client) -> bool:
    """Whether what is sent to it ends with this process."""
    return type(client).__module__.startswith("fakeredis")


@cache
def connect(url: str, mode: Mode) -> Client:
    """The client of the server at a URL (`redis://`, `rediss://` or `unix://`).

    Raises:
        UsageError: The URL is none, or the mode does not allow where it leads.
        EndpointUnavailable: Its host has no address.
    """
    import redis
    from redis.backoff import ExponentialBackoff
    from redis.retry import Retry

    options = _parsed(url)
    if "path" not in options:
        host, port = options.setdefault("host", "localhost"), options.setdefault("port", 6379)
        addresses = endpoints.allowed(host, port, mode)
        if "connection_class" not in options:  # with TLS the certificate is that of the name
            options["host"] = addresses[0]
    pool = redis.ConnectionPool(
        **options,
        protocol=2,
        decode_responses=True,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 2),
    )
    return redis.Redis.from_pool(pool)


def where(url: str) -> str:
    """What a URL leads to, for messages: without user and password."""
    options = _parsed(url)
    if "path" in options:
        return f"Redis at {options['path']}"
    return f"Redis on {options.get('host', 'localhost')} port {options.get('port', 6379)}"


def unusable(error: Exception) -> StorageError:
    """The sentence for a server that failed."""
    connect.cache_clear()  # its name may lead elsewhere the next time
    url = load().config.storage.redis_url
    reason = str(error).partition("\n")[0] or type(error).__name__
    if password := _parsed(url).get("password") if url else None:
        reason = reason.replace(password, "[hidden]")
    if any(word in reason for word in ("WRONGPASS", "NOAUTH", "NOPERM", "password")):
        advice = "check the user and the password in `storage.redis_url`"
    elif "READONLY" in reason:
        advice = "it is a copy; name the server that takes changes"
    elif "OOM" in reason:
        advice = "raise its maxmemory, or give it a policy that evicts"
    else:
        advice = "see that it runs and that `storage.redis_url` names it; events wait until then"
    return StorageError(f"{where(url) if url else 'Redis'} cannot be used ({reason}): {advice}.")


def _parsed(url: str) -> dict[str, Any]:
    from redis.connection import parse_url

    try:
        return dict(parse_url(url))  # type: ignore[no-untyped-call]
    except (ValueError, TypeError) as error:
        raise UsageError(
            "`storage.redis_url` is no URL of Redis; write it like redis://localhost:6379/0."
        ) from error
