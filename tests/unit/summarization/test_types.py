"""The types that can be asked for, and what is said of one that cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipstream.storage.config.settings import Pattern
from slipstream.storage.errors import UsageError
from slipstream.tasks.summarization.rules import ruleset
from slipstream.tasks.summarization.types import KINDS, check, types


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder, since compiling the rules takes seconds."""
    return tmp_path_factory.mktemp("home")


def test_every_kind_has_tools_and_says_what_it_shows(folder: Path) -> None:
    listed = types(ruleset(folder / "cache"))
    assert [one.kind for one in listed][: len(KINDS)] == list(KINDS)
    assert all(one.tools and one.shows for one in listed)
    by_kind = {one.kind: one.tools for one in listed}
    assert {"rustc", "javac"} <= set(by_kind["compiler"])
    assert "pytest" in by_kind["test"]
    assert "git" in by_kind["git"]


@pytest.mark.parametrize("name", ["test", "compiler", "default", "pytest", "git"])
def test_a_kind_or_a_tool_can_be_asked_for(folder: Path, name: str) -> None:
    check(name, folder)


def test_an_unknown_type_is_refused_with_the_nearest_names(folder: Path) -> None:
    with pytest.raises(
        UsageError, match=r"--type 'pytset' is unknown\. Did you mean .*pytest.*slip types"
    ):
        check("pytset", folder)
    with pytest.raises(UsageError, match=r"--type 'qqqqqq' is unknown\. `slip types` lists all"):
        check("qqqqqq", folder)


def test_a_pattern_of_the_user_is_a_type(tmp_path: Path) -> None:
    check("mine", tmp_path, (Pattern("mine", "BOOM"),))
    check("infra", tmp_path, (Pattern("mine", "BOOM", type="infra"),))
