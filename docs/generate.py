"""Writes what docs/ has from the code, pages and JSON Schemas: `make docs`.

tests/unit/cli/test_docs.py fails when they are not what this would write.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

from slipstream.cli.main import build_app
from slipstream.storage.config.model import DESCRIPTIONS
from slipstream.storage.config.resolve import flatten, variable_of
from slipstream.storage.config.settings import BOUNDS, DEFAULTS

HERE = Path(__file__).parent
WIDTH = 88
JSON_BEGIN = "<!-- json-schema: begin (made by `make docs` from summary.schema.json) -->\n"
JSON_END = "<!-- json-schema: end -->\n"
SCHEMAS = {
    "comparison": "reports.json",
    "quality-cases": "quality.case",
    "tool-cases": "tools.case",
}
"""Published JSON Schemas, and the modules whose `schema()` gives them."""
MADE = "<!-- Made by `make docs` from the code; a test holds it to that. -->\n"

EXIT_STATUS = """\
| status | meaning |
| --- | --- |
| 0 | done |
| 1 | failed |
| 2 | the command line, a value or the configuration is wrong |
| 3 | a regression was found |
| 4 | what was asked for does not exist |
| 126, 127 | `slip run`: its command may not be run, does not exist |
| 130 | interrupted |
| 141 | the reader of a pipe went away |

`slip run` exits with the status of its command; 128 + N when signal N ended it.
"""

OUTPUT = """\
Data goes to standard output, everything else to standard error. Tables are aligned in a terminal
and tab-separated when piped; `--json` is there on everything that prints data. `NO_COLOR` turns
colours off. An error is one sentence; `--debug` before the command adds where it came from.
`slip --install-completion` sets up completion for your shell.
"""

SOURCES = """\
Settings come from four places; a later one wins over an earlier one:

1. the defaults below,
2. your own file, `config.yaml` in the user's configuration folder (`~/.config/slipstream/` on
   Linux; `SLIPSTREAM_CONFIG` names another file),
3. `.slipstream.yaml` in the repository: the nearest one from the current folder up to the root of
   the git repository; outside of a repository, in the current folder alone,
4. environment variables, and the options of a command.

`slip config show` prints every value with where it came from, `slip config schema` a JSON Schema
for editors. A setting that does not exist, or a wrong value, is named with its file, its line and
the nearest right name, and the value before it goes on holding. Two are safer than that: a wrong
`mode` counts as `air-gapped`, and a wrong URL below `storage` ends the command, since going on
would keep results where nobody looks for them.

A repository's file cannot take away what protects you: it cannot open the mode further, turn
redaction off, nor set anything below `retention`, `storage`, `cache`, `telemetry`, `embeddings`,
`bench`, `server` or `schedules`.
"""

EXAMPLE = """\
mode: local-only
summary:
  max_bytes: 16 KiB          # sizes may have a unit, in powers of 1,024
  types:
    pytest:
      max_errors: 50
retention:
  days: 14
  max_bytes: 2 GiB
patterns:
  - name: licence check
    regex: '^LICENCE (?P<code>[A-Z]+): (?P<file>[^:]+): (?P<message>.+)'
    severity: error
    example: 'LICENCE GPL: vendor/x.c: not on the list'
"""

VARIABLES = """\
| variable | meaning |
| --- | --- |
| `SLIPSTREAM_HOME` | the data folder, instead of the platform's |
| `SLIPSTREAM_CONFIG` | your own file of settings |
| `SLIPSTREAM_TRACE_ID` | the id under which a command logs; made and passed on by itself |
| `SLIPSTREAM_BENCH_LOCK` | the file that lets one benchmark at a time run on a machine; for tests |
"""


def cli_markdown() -> str:
    """docs/cli.md: the help of every command, and what holds for all."""
    root = typer.main.get_command(build_app())
    parts = ["# Commands\n", MADE, OUTPUT, "## Exit status\n", EXIT_STATUS]
    for name, text in _helps(root, "slip", None):
        parts += [f"## {name}\n", f"```text\n{text}\n```\n"]
    return "\n".join(parts)


def configuration_markdown() -> str:
    """docs/configuration.md: every setting with its default, its bounds and its variable."""
    rows = [
        "| setting | default | allowed | variable | meaning |",
        "| --- | --- | --- | --- | --- |",
    ]
    values = flatten(DEFAULTS)
    for key, meaning in DESCRIPTIONS.items():
        if key.startswith("patterns") or (key not in values and "*" not in key):
            continue
        default = _shown(values[key]) if key in values else "as for all"
        variable = f"`{variable_of(key)}`" if key in values else ""
        shown = key.replace("*", "TYPE")
        rows.append(f"| `{shown}` | {default} | {_allowed(key)} | {variable} | {meaning} |")
    fields = [
        f"| `{key.rpartition('.')[2]}` | {meaning} |"
        for key, meaning in DESCRIPTIONS.items()
        if key.startswith("patterns.")
    ]
    return "\n".join(
        [
            "# Configuration\n",
            MADE,
            SOURCES,
            f"```yaml\n{EXAMPLE}```\n",
            "## Settings\n",
            *rows,
            "\n## Patterns\n",
            "A list below `patterns`; one that the scan engine cannot take is named with its line "
            "and left out.\n",
            "| field | meaning |",
            "| --- | --- |",
            *fields,
            "\n## Other environment variables\n",
            VARIABLES,
        ]
    )


def schema_of(name: str) -> str:
    """docs/NAME.schema.json: a file's form, from its types."""
    module = import_module(f"slipstream.tasks.benchmarking.{SCHEMAS[name]}")
    return json.dumps(module.schema(), indent=2) + "\n"


def summarization_markdown() -> str:
    """docs/summarization.md: the fields of the JSON, from its schema, between the markers."""
    schema = json.loads((HERE / "summary.schema.json").read_text(encoding="utf-8"))
    parts = [*_fields("the summary", schema)]
    for name, definition in schema["$defs"].items():
        parts += _fields(f"a {name}", definition)
    page = (HERE / "summarization.md").read_text(encoding="utf-8")
    before, _, rest = page.partition(JSON_BEGIN)
    _, _, after = rest.partition(JSON_END)
    return before + JSON_BEGIN + "\n" + "\n".join(parts) + "\n" + JSON_END + after


def _fields(what: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"| field of {what} | type | meaning |"
    yield "| --- | --- | --- |"
    for name, field in schema["properties"].items():
        kind = field.get("type", "string")
        shown = kind if isinstance(kind, str) else ", ".join(kind)
        meaning = field["description"]
        if below := field.get("properties"):
            meaning += ": " + ", ".join(f"`{key}`" for key in below)
        if target := field.get("items", {}).get("$ref"):
            meaning += f"; see {target.rpartition('/')[2]} below"
        yield f"| `{name}` | {shown} | {meaning} |"
    yield ""


def _helps(command: Any, name: str, parent: Any) -> Iterator[tuple[str, str]]:
    context = typer.Context(
        command,
        info_name=name.rpartition(" ")[2],
        parent=parent,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
    )
    help_text = command.get_help(context)
    yield name, "\n".join(line.rstrip() for line in help_text.splitlines())
    for below in sorted(getattr(command, "commands", {})):
        yield from _helps(command.commands[below], f"{name} {below}", context)


def _allowed(key: str) -> str:
    bounds = BOUNDS.get(key.replace(".types.*", ""))
    return f"{bounds[0]:,} to {bounds[1]:,}" if bounds else ""


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int | float):
        return f"{value:,}"
    return f"`{value}`" if value else ""


if __name__ == "__main__":
    for name, markdown in (
        ("cli", cli_markdown),
        ("configuration", configuration_markdown),
        ("summarization", summarization_markdown),
    ):
        (HERE / f"{name}.md").write_text(markdown(), encoding="utf-8", newline="\n")
    for name in SCHEMAS:
        path = HERE / f"{name}.schema.json"
        path.write_text(schema_of(name), encoding="utf-8", newline="\n")
