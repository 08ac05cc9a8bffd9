"""`slip doctor`: checks the installation, and says how to mend what is wrong."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Literal, NamedTuple

import typer

from slipstream.cli import output
from slipstream.cli.config import check_patterns
from slipstream.storage import database, paths, results
from slipstream.storage.config import sources
from slipstream.storage.config.load import load
from slipstream.storage.config.resolve import resolve
from slipstream.storage.errors import SlipError

LOW_DISK = 1024**3  # bytes; a warning below
NO_DISK = 64 * 1024**2  # bytes; a failure below
OLDEST_GIT = (2, 20)
OLDEST_REDIS = (6, 2)  # for XPENDING with IDLE
OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 14)
FASTAPI = ((0, 139), (0, 151))  # what Prefect 3.8 starts with: from, below
STYLES = {"ok": "32", "warning": "33", "failed": "31"}


class Check(NamedTuple):
    """One thing that was looked at.

    Attributes:
        result: `warning` where all works but something will be missed.
        found: What was found, in a few words.
        mend: What to do; empty when nothing is wrong.
    """

    name: str
    result: Literal["ok", "warning", "failed"]
    found: str
    mend: str = ""


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command()(doctor)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> int:
    """Check the whole installation and say how to mend what is wrong.

    Exits with 1 when a check failed; warnings do not count.

    \b
    slip doctor
    slip doctor --json
    """
    checks = [examine(name, check) for name, check in CHECKS.items()]
    failed = any(check.result == "failed" for check in checks)
    if as_json:
        listed = [check._asdict() for check in checks]
        output.print_json({"version": 1, "ok": not failed, "checks": listed})
        return int(failed)
    width = max(map(len, CHECKS))
    for check in checks:
        result = output.style(check.result.ljust(7), STYLES[check.result])
        print(f"{result}  {check.name.ljust(width)}  {output.printable(check.found)}")
        if check.mend:
            print(f"         {' ' * width}  → {output.printable(check.mend)}")
    return int(failed)


def examine(name: str, check: Callable[[str], Check]) -> Check:
    """Run one check; one that cannot finish has failed, and the others still run."""
    try:
        return check(name)
    except SlipError as error:
        return Check(name, "failed", "cannot be used", str(error))
    except Exception as error:
        return Check(name, "failed", f"{type(error).__name__}: {error}", "run it with --debug")


def _python(name: str) -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Check(name, "failed", found, "install Python 3.11 or later")
    if sys.version_info[:2] > NEWEST_PYTHON:
        return Check(name, "warning", found, "newer than what Slipstream is tested with (3.14)")
    return Check(name, "ok", found)


def _data_folder(name: str) -> Check:
    home = paths.home()
    mode = stat.S_IMODE(home.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        mend = f"chmod 700 {home}"
        return Check(name, "failed", f"{home} is open to others (mode {mode:04o})", mend)
    probe = home / f".doctor-{os.getpid()}"
    try:
        probe.write_bytes(b"probe")
        probe.unlink()
    except OSError as error:
        mend = "make it writable for you, or set SLIPSTREAM_HOME to another folder"
        return Check(name, "failed", f"{home} cannot be written ({error.strerror})", mend)
    return Check(name, "ok", str(home))


def _private_files(name: str) -> Check:
    if os.name != "posix":
        return Check(name, "ok", "left to the folder's permissions on this system")
    open_files = [
        os.path.join(folder, file)
        for folder, _, files in os.walk(paths.home())
        for file in files
        if _open_to_others(os.path.join(folder, file))
    ]
    if open_files:
        found = f"{len(open_files)} files are open to others, {open_files[0]} among them"
        return Check(name, "warning", found, f"chmod -R go-rwx {paths.home()}")
    return Check(name, "ok", "all for you alone")


def _open_to_others(path: str) -> bool:
    try:
        return bool(os.lstat(path).st_mode & 0o077) and not os.path.islink(path)
    except OSError:  # gone since the folder was listed
        return False


def _disk(name: str) -> Check:
    free = shutil.disk_usage(paths.home()).free
    found = f"{output.bytes_text(free)} free"
    mend = "make room, or prune old logs: slip log prune"
    if free < NO_DISK:
        return Check(name, "failed", found, mend)
    return Check(name, "warning", found, mend) if free < LOW_DISK else Check(name, "ok", found)


def _database(name: str) -> Check:
    path = paths.database_path()
    with closing(database.connect(paths.home())) as connection:
        try:
            problems = [row[0] for row in connection.execute("PRAGMA integrity_check(10)")]
            orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
            journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
        except sqlite3.Error as error:
            raise database.unusable(path, error) from error
    mend = f"move {path} away: the next command begins a new one, and the full logs stay"
    if problems != ["ok"]:
        return Check(name, "failed", f"{path} is damaged: {problems[0]}", mend)
    if orphans:
        return Check(name, "failed", f"{len(orphans)} rows point to rows that are gone", mend)
    size = output.bytes_text(path.stat().st_size)
    return Check(name, "ok", f"{path}, schema {database.SCHEMA}, {size}, {journal} journal")


def _cache(name: str) -> Check:
    """Nothing here fails: what cannot use the cache does without it."""
    from slipstream.storage.cache import open_cache

    with open_cache(paths.home()) as store:
        disk = store.stats().disk
        usable, warnings = store.disk.read(lambda _: True, False), store.warnings
        folder, limit = store.folder, store.limits.max_bytes
    found = (
        f"{disk.entries:,} entries, {output.bytes_text(disk.size)} of {output.bytes_text(limit)}"
    )
    if warnings or not usable:
        said = "; ".join(warnings) or f"{folder} cannot be used"
        return Check(
            name, "warning", said, f"remove {folder}: it is made anew, and nothing is lost"
        )
    if disk.damaged:
        mend = f"look at the disk; then remove {folder}/damaged-*"
        return Check(
            name, "warning", f"{found}; {disk.damaged} damaged or older ones set aside", mend
        )
    if disk.file_bytes > 2 * limit:
        taken = output.bytes_text(disk.file_bytes)
        return Check(name, "warning", f"{found}, {taken} on disk", "slip cache clear --expired")
    return Check(name, "ok", found)


def _results(name: str) -> Check:
    """Where results of benchmarks are kept, if that is not the database above."""
    url = load().config.storage.database_url
    if not url:
        return Check(name, "ok", "in the database of the data folder")
    with results.opened(paths.home()) as connection:
        (server,) = connection.execute("SHOW server_version").fetchone()
        (read_only,) = connection.execute("SHOW transaction_read_only").fetchone()
        (runs,) = connection.execute("SELECT count(*) FROM bench_runs").fetchone()
    from slipstream.storage import postgres

    found = f"{postgres.where(url)} ({server}), schema {database.SCHEMA}, {runs:,} runs"
    if read_only == "on":
        mend = "name the server that takes changes in storage.database_url"
        return Check(name, "failed", f"{found}; it is read-only", mend)
    return Check(name, "ok", found)


def _redis(name: str) -> Check:
    """The bus of events, and locks between hosts."""
    from slipstream.storage import events, redis_client

    with closing(database.connect(paths.home())) as connection:
        waiting = sum(events.waiting(connection).values())
    if load().config.storage.database_url:  # results have an outbox of their own
        with results.opened(paths.home()) as shared:
            waiting += sum(events.waiting(shared).values())
    if not (url := load().config.storage.redis_url):
        return Check(name, "ok", f"within each process; {waiting:,} events wait")
    import redis

    client = redis_client.client(paths.home())
    try:
        server, memory = client.info("server"), client.info("memory")
        saved = client.info("persistence")
    except redis.RedisError as error:
        raise redis_client.unusable(error) from error
    number = server["redis_version"]
    found = f"{redis_client.where(url)} ({number}), {waiting:,} events wait"
    if tuple(int(part) for part in number.split(".")[:2]) < OLDEST_REDIS:
        return Check(name, "failed", found, "install Redis 6.2 or later")
    if memory.get("maxmemory_policy", "noeviction").startswith("allkeys"):
        mend = "set maxmemory-policy to noeviction: what it evicts may be an event or a lock"
        return Check(name, "warning", found, mend)
    if not saved.get("aof_enabled"):
        mend = "set appendonly to yes: a restart may lose events that were not handled yet"
        return Check(name, "warning", found, mend)
    return Check(name, "ok", found)


def _configuration(name: str) -> Check:
    found = sources.read()
    problems = resolve(found, check_patterns).problems
    if problems:
        return Check(name, "warning", f"{len(problems)} mistakes", "; ".join(problems))
    files = ", ".join(file.path for file in found.files) or "no file"
    return Check(name, "ok", f"{files}; {len(found.variables)} environment variables")


def _git(name: str) -> Check:
    mend = "install git 2.20 or later"
    if not (git := shutil.which("git")):
        return Check(name, "failed", "not found", mend)
    done = subprocess.run([git, "--version"], capture_output=True, text=True, timeout=10)
    number = re.search(r"(\d+)\.(\d+)[\w.]*", done.stdout)
    if not number:
        return Check(name, "failed", f"{git} does not tell its version", mend)
    new_enough = (int(number[1]), int(number[2])) >= OLDEST_GIT
    return Check(name, "ok", number[0]) if new_enough else Check(name, "failed", number[0], mend)


def _scan_engine(name: str) -> Check:
    from slipstream.tasks.summarization import engine

    compiled = engine.compile_patterns([engine.Pattern("error: [0-9]+")])
    matches: list[tuple[int, int]] = []
    compiled.scan(b"fine\nerror: 7\n", lambda pattern, end: matches.append((pattern, end)))
    if not matches:
        mend = "install it again: pip install --force-reinstall hyperscan google-re2"
        return Check(name, "failed", f"{compiled.name} does not find its test pattern", mend)
    if compiled.name != "hyperscan":
        mend = "large logs are scanned up to five times slower than with hyperscan"
        return Check(name, "warning", compiled.name, mend)
    return Check(name, "ok", f"hyperscan {version('hyperscan')}")


def _compression(name: str) -> Check:
    import zstandard

    data = b"slipstream " * 1000
    if zstandard.decompress(zstandard.compress(data)) != data:
        mend = "install it again: pip install --force-reinstall zstandard"
        return Check(name, "failed", "zstd does not give back what it took", mend)
    return Check(name, "ok", f"zstd {'.'.join(map(str, zstandard.ZSTD_VERSION))}")


def _prefect(name: str) -> Check:
    """By its metadata: importing it takes two seconds."""
    try:
        prefect, fastapi = version("prefect"), version("fastapi")
    except PackageNotFoundError as error:
        return Check(name, "failed", f"{error.name} is not installed", "install slipstream again")
    number = tuple(int(part) for part in fastapi.split(".")[:2])
    if not FASTAPI[0] <= number < FASTAPI[1]:
        mend = "pip install 'fastapi>=0.139,<0.151': the flows' server does not start with others"
        return Check(name, "failed", f"{prefect} beside fastapi {fastapi}", mend)
    return Check(name, "ok", f"{prefect}, fastapi {fastapi}")


CHECKS: dict[str, Callable[[str], Check]] = {
    "Python": _python,
    "configuration": _configuration,
    "data folder": _data_folder,
    "private files": _private_files,
    "disk": _disk,
    "database": _database,
    "cache": _cache,
    "results": _results,
    "Redis": _redis,
    "git": _git,
    "scan engine": _scan_engine,
    "compression": _compression,
    "Prefect": _prefect,
}
