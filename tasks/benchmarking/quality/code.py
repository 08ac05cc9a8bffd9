"""Judges code that a model wrote: finds it in the answer, runs its tests in a sandbox."""

from __future__ import annotations

import ast
import json
import re
import secrets
from collections.abc import Iterator
from typing import NamedTuple

from slipstream.tasks.benchmarking.quality import sandbox
from slipstream.tasks.benchmarking.quality.case import CodeTask
from slipstream.tasks.benchmarking.quality.sandbox import Limits

_FENCE = re.compile(
    r"^[ \t]*(`{3,}|~{3,})[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^[ \t]*\1|\Z)", re.M | re.S
)
_LANGUAGES = ("", "python", "py", "python3")
RIGHT, EXTRACTION, SYNTAX, LIMIT, TESTS = "right", "extraction", "syntax", "limit", "tests"
LAYERS = (EXTRACTION, SYNTAX, LIMIT, TESTS)
"""Where code goes wrong, in the order in which that is looked at."""

# Runs within the sandbox. The token comes on standard input, which is read before any code of the
# model's: what that prints cannot be taken for a result. Each test has names of its own.
_CHECK = """\
import json, os, sys
token = sys.stdin.readline().strip()
told = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
with open("tests.json", encoding="utf-8") as file:
    tests = json.load(file)
with open("solution.py", encoding="utf-8") as file:
    source = compile(file.read(), "solution.py", "exec")
def tell(name, error):
    told.write(token + json.dumps([name, error]) + "\\n")
    told.flush()
def described(error):
    return (type(error).__name__ + ": " + str(error)).strip(": ")[:300]
for name, code in tests:
    names = {"__name__": "solution"}
    try:
        exec(source, names)
        exec(compile(code, "test", "exec"), names)
        tell(name, "")
    except MemoryError:
        raise
    except BaseException as error:
        tell(name, described(error) if str(error) else type(error).__name__)
"""


class Judged(NamedTuple):
    """How code was judged.

    Attributes:
        score: 1 where all tests pass, else half their share.
        layer: `right`, or where it went wrong.
        reason: One sentence; empty: it is right.
    """

    score: float
    layer: str
    reason: str = ""


def extract(text: str, entry: str) -> tuple[str, str]:
    """The code of an answer.

    Returns:
        The code, and what is wrong with it; the code is empty where there is none.
    """
    whole, words = "", "The answer has no code that defines what was asked for."
    for code in _candidates(text):
        try:
            tree = ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            whole, words = whole or code, f"The code is not Python: {error}."
            continue
        if entry in _defined(tree):
            return code, ""
    return whole, words


def judge(task: CodeTask, text: str, limits: Limits, *, unlimited: bool = False) -> Judged:
    """Run the tests of a task on an answer.

    Raises:
        UsageError: This platform cannot hold the code, and it is not to run without limits.
    """
    code, wrong = extract(text, task.entry)
    if wrong:
        return Judged(0.0, SYNTAX if code else EXTRACTION, wrong)
    token = secrets.token_hex(16)
    tests = json.dumps([[test.name, test.code] for test in task.tests])
    files = {"solution.py": code, "tests.json": tests, "check.py": _CHECK}
    ended = sandbox.run(files, "check.py", limits, given=f"{token}\n", unlimited=unlimited)
    told = dict(
        json.loads(line.removeprefix(token))
        for line in ended.output.splitlines()
        if line.startswith(token)
    )
    passed = sum(not told.get(test.name, "unknown") for test in task.tests)
    if passed == len(task.tests):
        return Judged(1.0, RIGHT)
    score = 0.5 * passed / len(task.tests)
    first = next(test.name for test in task.tests if told.get(test.name, "unknown"))
    if ended.limit and first not in told:
        return Judged(score, LIMIT, f"In the test {first!r} {ended.limit}.")
    error = told.get(first) or f"the program ended with status {ended.status}"
    several = f"{passed} of {len(task.tests)} tests pass; " if len(task.tests) > 1 else ""
    return Judged(score, TESTS, f"{several}{first!r} fails: {error}".rstrip(".") + ".")


def _candidates(text: str) -> Iterator[str]:
    """Pieces of an answer that may be the code: each block, all blocks together, all of it."""
    blocks = [code for _, name, code in _FENCE.findall(text) if name.lower() in _LANGUAGES]
    yield from blocks
    if len(blocks) > 1:
        yield "\n".join(blocks)
    if not blocks:
        yield text


def _defined(tree: ast.Module) -> set[str]:
    found = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found
