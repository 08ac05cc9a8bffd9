"""Package managers beside Python's and JavaScript's."""

import pytest

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.packages import RULES

CASES = {
    "composer": (
        "Your requirements could not be resolved to an installable set of packages.\n\n"
        "  Problem 1\n    - Root requires a/b ^2 -> satisfiable by none.\n\nafter\n",
        (1, 4),
    ),
    "cargo": (
        "error: failed to select a version for the requirement `serde = \"^9\"`\n"
        "candidate versions found which didn't match: 1.0.0\n"
        "location searched: the index\nrequired by package `shop v0.1.0`\nafter\n",
        (1, 4),
    ),
    "cargo build script": (
        "error: failed to run custom build command for `native v0.9.1`\n\nCaused by:\n"
        "  process didn't exit successfully: `/srv/build-script-build` (exit status: 101)\n"
        "  --- stderr\n  thread 'main' panicked at build.rs:3:5:\n  no zlib\nafter\n",
        (1, 7),
    ),
    "go": (
        "main.go:4:2: no required module provides package example.org/x; to add it:\n"
        "\tgo get example.org/x\nafter\n",
        (1, 2),
    ),
    "apt": ("E: Unable to locate package absent\nafter\n", (1, 1)),
    "bundler": (
        "Could not find gem 'absent' in locally installed gems.\nafter\n", (1, 1),
    ),
    "cabal": (
        "cabal: Could not resolve dependencies:\n[__0] trying: shop-0.1 (user goal)\n"
        "rejecting: base-4.9 (constraint)\nafter\n",
        (1, 1),
    ),
    "nix": (
        "error: builder for '/nix/store/a.drv' failed with exit code 1;\n"
        "       last 2 log lines:\n       > building\n       > no zlib\nafter\n",
        (1, 4),
    ),
}  # fmt: skip


@pytest.mark.parametrize("tool", CASES)
def test_what_cannot_be_resolved_is_one_finding_with_its_explanation(tool: str) -> None:
    text, span = CASES[tool]
    (found,), _ = findings_of(text, rules=RULES)
    assert found.span == span
    assert text.partition("\n")[0].removeprefix("error: ") in found.message


def test_a_build_script_that_panics_is_where_it_does() -> None:
    (found,), _ = findings_of(CASES["cargo build script"][0], rules=RULES)
    assert found.message.endswith("`native v0.9.1`: no zlib")
    assert (found.file, found.line) == ("build.rs", 3)
