"""Results in PostgreSQL, behind the few calls that the stores make of SQLite's connection.

What holds for SQLite holds here: one transaction writes at a time, a loss of power may undo the
last commits and nothing else, NaN is kept as NULL. PostgreSQL takes no NUL in a text: it becomes ␀.

The connection goes to the addresses that the mode was checked against, and no message holds the
password. Nothing of libpq's environment is ignored: PGPASSWORD and ~/.pgpass keep it out of the
configuration.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import psycopg
from psycopg import conninfo, pq
from psycopg.adapt import Loader

from slipstream.storage import database
from slipstream.storage.config import endpoints
from slipstream.storage.config.settings import Mode
from slipstream.storage.connection import Cursor
from slipstream.storage.errors import NewerSchemaError, StorageError, UsageError

PORT = "5432"
CONNECT_SECONDS = 10
LOCK_KEY = 0x511_57EA  # of this program's advisory locks
LOCK_SECONDS = 60
"""How long a transaction waits for others; what a host that vanished holds is free after that."""
_SETTINGS = (
    f"SET lock_timeout = '{LOCK_SECONDS}s'; SET synchronous_commit = off;"
    f"SET idle_in_transaction_session_timeout = '{LOCK_SECONDS}s';"
    "SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"
)
_BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock({LOCK_KEY})"
_OPEN = (pq.TransactionStatus.ACTIVE, pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR)
_ADVICE = {
    "28P01": "check the user and the password in `storage.database_url`, PGPASSWORD or ~/.pgpass",
    "28000": "check the user and the password in `storage.database_url`, PGPASSWORD or ~/.pgpass",
    "3D000": "make the database with `createdb`, or name another one",
    "25006": "it is a copy or read-only; name the server that takes changes",
    "42501": "give the user the right to make and change tables there",
    "53300": "raise its max_connections, or try again when others are done",
    "55P03": "another program holds it; try again when that is done",
    "53100": "make room on its disk",
}


class PostgresError(StorageError, sqlite3.Error):
    """PostgreSQL failed. It is caught as SQLite's errors are, and is a sentence already."""


class _Number(Loader):
    """Sums and means, which PostgreSQL makes `numeric`, as SQLite gives them."""

    def load(self, data: Any) -> int | float:
        text = bytes(data).decode()
        return int(text) if text.lstrip("-").isdigit() else float(text)


class Connection:
    """A connection to PostgreSQL that is used as SQLite's is; see `connection.Connection`.

    Args:
        raw: In autocommit mode.
        where: What it is called in messages.
        secret: The password, which no message may show.
    """

    def __init__(self, raw: psycopg.Connection[Any], where: str, secret: str = "") -> None:
        self._raw = raw
        self._where = where
        self._secret = secret

    @property
    def in_transaction(self) -> bool:
        """Whether one was begun and has not ended."""
        return self._raw.info.transaction_status in _OPEN

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Cursor:
        """Run a statement with `?` for its parameters.

        Raises:
            PostgresError: It failed.
        """
        try:
            if sql == "BEGIN":
                return self._raw.execute(_BEGIN)
            failed = self._raw.info.transaction_status == pq.TransactionStatus.INERROR
            done = self._raw.execute(_marked(sql), [_value(value) for value in parameters])
        except psycopg.Error as error:
            raise self._error(error) from error
        if failed and sql == "COMMIT":  # which PostgreSQL answers by a silent ROLLBACK
            raise PostgresError(f"{self._where} undid a transaction in which a statement failed.")
        return done

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> None:
        """Run a statement once for each row of parameters.

        Raises:
            PostgresError: It failed.
        """
        rows = [[_value(value) for value in row] for row in parameters]
        try:
            self._raw.cursor().executemany(_marked(sql), rows)
        except psycopg.Error as error:
            raise self._error(error) from error

    def close(self) -> None:
        """End the connection; a transaction that has not ended is rolled back."""
        self._raw.close()

    def revision(self) -> str:
        """The migration that the database is at; empty: none was made yet."""
        if self.execute("SELECT to_regclass('alembic_version')").fetchone()[0] is None:
            return ""
        row = self.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else ""

    def _error(self, error: psycopg.Error) -> PostgresError:
        return _failed(self._where, error, self._secret)


def connect(url: str, mode: Mode) -> Connection:
    """Open the database at a URL, its tables made or migrated when needed.

    Args:
        url: `postgresql://…` or `postgresql+psycopg://…`, as libpq has it behind that.
        mode: Where connections may go.

    Raises:
        UsageError: The URL is none, or the mode does not allow where it leads.
        NewerSchemaError: A newer Slipstream wrote the database.
        StorageError: It cannot be reached, used or migrated; the sentence says why.
    """
    settings = _settings(url, mode)
    opened = _open(settings)
    try:
        found = opened.revision()
        if found < database.SCHEMA:
            _migrate(opened, settings)
            found = opened.revision()
    except BaseException:
        opened.close()
        raise
    if found > database.SCHEMA:
        opened.close()
        raise NewerSchemaError(
            f"{where(url)} has schema {found} and this Slipstream knows {database.SCHEMA}; "
            "install the newer Slipstream that wrote it, or name another database in "
            "`storage.database_url`."
        )
    return opened


def where(url: str) -> str:
    """What a URL leads to, for messages: without user and password."""
    return _where(_parsed(url))


def _settings(url: str, mode: Mode) -> dict[str, str]:
    """What libpq is given: each host with the addresses that were checked."""
    settings = _parsed(url)
    inherited = {o.keyword.decode(): o.val.decode() for o in pq.Conninfo.get_defaults() if o.val}
    place = {name: settings.get(name) or inherited.get(name, "") for name in ("host", "port")}
    hosts = (settings.get("hostaddr") or inherited.get("hostaddr") or place["host"]).split(",")
    ports = [port or PORT for port in place["port"].split(",")]
    if len(ports) == 1:
        ports *= len(hosts)
    if len(ports) != len(hosts) or not all(port.isdigit() for port in ports):
        raise _no_url()
    names = place["host"].split(",") if len(place["host"].split(",")) == len(hosts) else hosts
    targets: list[tuple[str, str, str]] = []
    for name, host, port in zip(names, hosts, ports, strict=True):
        if not host or host[0] in "/@":  # a Unix socket
            targets.append((host, "", port))
        else:
            found = endpoints.allowed(host, int(port), mode)
            targets += [(name, address, port) for address in found]
    columns = map(",".join, zip(*targets, strict=True))
    return settings | dict(zip(("host", "hostaddr", "port"), columns, strict=True))


def _parsed(url: str) -> dict[str, str]:
    plain = re.sub(r"^postgresql(\+\w+)?:", "postgresql:", url)
    try:
        found = conninfo.conninfo_to_dict(plain)
    except psycopg.Error as error:  # whose text may hold a piece of the password
        raise _no_url() from error
    return {name: str(value) for name, value in found.items() if value}


def _no_url() -> UsageError:
    return UsageError(
        "`storage.database_url` is no URL of PostgreSQL; write it like postgresql://user@host/db, "
        "with signs in names and passwords as %40 and so on."
    )


def _where(settings: dict[str, str]) -> str:
    host = settings.get("host") or settings.get("hostaddr") or "a local socket"
    first, port = host.partition(",")[0], settings.get("port", PORT).partition(",")[0]
    return f"The PostgreSQL database {settings.get('dbname', '')} on {first} port {port}"


def _open(settings: dict[str, str]) -> Connection:
    where, secret = _where(settings), settings.get("password", "")
    try:
        raw = _connected(settings)
    except psycopg.Error as error:
        raise _failed(where, error, secret) from error
    raw.adapters.register_loader("numeric", _Number)
    opened = Connection(raw, where, secret)
    try:
        raw.execute(_SETTINGS)
    except psycopg.Error as error:
        opened.close()
        raise _failed(where, error, secret) from error
    return opened


def _connected(settings: dict[str, str], *, autocommit: bool = True) -> psycopg.Connection[Any]:
    known: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "application_name": "slipstream"}
    return psycopg.connect(autocommit=autocommit, **(known | settings))


def _migrate(opened: Connection, settings: dict[str, str]) -> None:
    """Bring the tables to this program's schema, all of it or nothing; one program at a time."""
    opened.execute("SELECT pg_advisory_lock(?)", (LOCK_KEY + 1,))
    try:
        if opened.revision() < database.SCHEMA:  # else another program was first
            from slipstream.storage import engine

            try:
                engine.upgrade(
                    "postgresql+psycopg://", connect=lambda: _connected(settings, autocommit=False)
                )
            except Exception as error:
                cause = getattr(error, "orig", None) or error
                raise _failed(
                    f"{_where(settings)}, whose tables were to be brought to schema "
                    f"{database.SCHEMA},",
                    cause,
                    settings.get("password", ""),
                ) from error
    finally:
        if opened.in_transaction is False and not opened._raw.closed:
            opened.execute("SELECT pg_advisory_unlock(?)", (LOCK_KEY + 1,))


def _failed(where: str, error: BaseException, secret: str) -> PostgresError:
    """The sentence for a database that failed."""
    reason = " ".join(str(error).split("\n")[0].split()) or type(error).__name__
    if secret:
        reason = reason.replace(secret, "[hidden]")
    state = getattr(error, "sqlstate", None) or _state(reason)
    advice = _ADVICE.get(state or "", "see that it runs and that `storage.database_url` names it")
    return PostgresError(f"{where} cannot be used ({reason}): {advice}.")


def _state(reason: str) -> str:
    """What a failure to connect is, which libpq tells in words alone."""
    for words, state in (
        ("password", "28P01"),
        ("pg_hba.conf", "28000"),
        ("authentication failed", "28000"),
        ("role", "28000"),
        ("does not exist", "3D000"),
        ("too many", "53300"),
    ):
        if words in reason:
            return state
    return ""


@cache
def _marked(sql: str) -> str:
    """A statement with psycopg's marks in place of `?`; texts in quotes stay as they are."""
    return re.sub(
        r"'[^']*'|[?%]",
        lambda found: "%s" if found[0] == "?" else found[0].replace("%", "%%"),
        sql,
    )


def _value(value: Any) -> Any:
    """What PostgreSQL takes, with the meaning that SQLite gives it."""
    if isinstance(value, str):
        return value.replace("\0", "\N{SYMBOL FOR NULL}")
    return None if value != value else value
