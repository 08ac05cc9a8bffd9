"""What is sent in a cell: the arguments of each request, decided by its phase and number alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slipstream.tasks.benchmarking.model import Phase, RequestSpec
from slipstream.tasks.benchmarking.prompts import Prompts
from slipstream.tasks.benchmarking.suite import Cell, Suite
from slipstream.tasks.benchmarking.target import Server

FULL_LENGTH = ("vLLM", "SGLang", "llama.cpp")
"""Servers that write on when the model would end, if asked: all answers have one length."""

TOOLS = [
    ("read_file", "Read a file.", {"path": "string", "first_line": "integer"}),
    ("search", "Search the repository.", {"query": "string", "glob": "string"}),
    ("run_command", "Run a command in a shell.", {"command": "string"}),
    ("edit_file", "Replace text in a file.", {"path": "string", "old": "string", "new": "string"}),
]
"""Name, description and parameters of the tools that the family `agent` offers."""


class Requests:
    """Makes the requests of one cell.

    Attributes:
        seed: The suite's.
    """

    def __init__(
        self,
        suite: Suite,
        cell: Cell,
        server: Server,
        prompts: Prompts,
        overhead: int = 0,
        given: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Prepare.

        Args:
            suite: The cell's.
            cell: What is measured.
            server: What it is measured on.
            prompts: Makes the texts.
            overhead: Tokens that the server's chat template adds to them.
            given: Arguments of requests that are not made here, taken in turn; empty: all are.
        """
        self._overhead = overhead
        self._given = given
        self.seed = suite.seed
        self._cell = cell
        self._prompts = prompts
        benchmark = cell.benchmark
        chat = benchmark.endpoint == "chat"
        self._key = f"{benchmark.name}/{cell.position}"
        self._fixed: dict[str, Any] = {
            "model": server.model,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": benchmark.output_tokens,
            "temperature": suite.temperature,
            "seed": suite.seed,
        }
        if benchmark.tools and chat:
            self._fixed["tools"] = [tool(*described) for described in TOOLS]
        elif server.name in FULL_LENGTH and not benchmark.cases:
            self._fixed["extra_body"] = {"ignore_eos": True}

    def make(self, phase: Phase, number: int) -> RequestSpec:
        """The request of that number."""
        benchmark = self._cell.benchmark
        if self._given:
            own = {**self._fixed, **self._given[number % len(self._given)]}
            return RequestSpec(number, phase, benchmark.endpoint, own)
        unique = benchmark.prefix == "unique"
        key = f"{self._key}/{phase}" if unique else self._key
        wanted = max(1, self._cell.prompt_tokens - self._overhead)
        prompt = self._prompts.make(wanted, key, number, unique=unique)
        tokens = prompt.tokens + self._overhead
        shared = ""
        if benchmark.shared_tokens:
            # the same for all cells of the benchmark, as for all steps of an agent
            system = self._prompts.make(benchmark.shared_tokens, benchmark.name, 0, unique=False)
            shared, tokens = system.text, tokens + system.tokens
        arguments = dict(self._fixed)
        if benchmark.endpoint == "chat":
            messages = [{"role": "user", "content": prompt.text}]
            if shared:
                messages.insert(0, {"role": "system", "content": shared})
            arguments["messages"] = messages
        else:
            arguments["prompt"] = f"{shared} {prompt.text}".strip()
        return RequestSpec(number, phase, benchmark.endpoint, arguments, tokens, prompt.source)


def tool(name: str, description: str, parameters: dict[str, str]) -> dict[str, Any]:
    """A tool as the API takes it; all its parameters but numbers are required."""
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": {key: {"type": kind} for key, kind in parameters.items()},
                "required": [key for key, kind in parameters.items() if kind == "string"],
            },
        },
    }
