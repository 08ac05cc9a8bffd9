"""The types of a log are told by its command and its content, the same way each time."""

from __future__ import annotations

import pytest

from slipstream.tasks.summarization.detect import detect
from slipstream.tasks.summarization.model import Finding, Severity, Tally


@pytest.mark.parametrize(
    ("command", "kind", "tools"),
    [
        (("pytest", "-q"), "test", ("pytest",)),
        (("python", "-m", "pytest"), "test", ("pytest",)),
        (("/usr/bin/gcc", "-c", "a.c"), "compiler", ("gcc",)),
        (("gcc.exe", "a.c"), "compiler", ("gcc",)),
        (("sudo", "make", "install"), "build", ("make",)),
        (("git", "status"), "git", ("git",)),
        (("./run.sh",), "command", ()),
        ((), "command", ()),
        (("npm", "ci"), "build", ("npm",)),
    ],
)
def test_a_command_names_its_type(
    command: tuple[str, ...], kind: str, tools: tuple[str, ...]
) -> None:
    found = detect((), (), (), command)
    assert (found.kind, found.tools) == (kind, tools)
    assert len(found.reasons) == len(tools)


def test_the_content_tells_where_the_command_does_not() -> None:
    findings = [Finding(Severity.ERROR, "x", "gcc", "compiler", (7, 7), weight=20)]
    tallies = [Tally("pytest", "test", 9, True)]
    signatures = [("make", "build", 2), ("step", "build", 1)]
    found = detect(findings, tallies, signatures, ("./ci.sh",))
    assert found.tools == ("pytest", "make", "gcc")
    assert found.kind == "test"
    assert found.reasons == (
        "line 9 is a closing line of pytest", "line 2 is how make begins or ends",
        "line 7 has the form of gcc",
    )  # fmt: skip


def test_guesses_tell_nothing() -> None:
    guess = Finding(Severity.ERROR, "x", "text", "command", (1, 1), weight=2)
    assert detect([guess], (), (), ()).tools == ()


def test_the_order_does_not_depend_on_that_of_the_input() -> None:
    findings = [
        Finding(Severity.ERROR, "x", tool, "test", (n, n), weight=20)
        for n, tool in enumerate(["b", "a", "c"], 1)
    ]
    assert (
        detect(findings, (), (), ()).tools
        == detect(findings[::-1], (), (), ()).tools
        == ("a", "b", "c")
    )
