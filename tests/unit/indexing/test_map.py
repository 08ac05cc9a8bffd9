"""The map shows what others refer to, before what they do not."""

from __future__ import annotations

from indexed_tree import Tree

from slipstream.tasks.indexing import map as maps

USER = "from lib.core import Engine, helper\n\nEngine().start()\nhelper(1)\n"
CORE = (
    "class Engine:\n    def start(self):\n        def inner(): pass\n        return 1\n\n"
    "    def unused(self):\n        return 2\n\n\ndef helper(value):\n    return value\n\n\n"
    "def forgotten():\n    return 3\n"
)
TREE = Tree(
    {"lib/core.py": CORE, "app/one.py": USER, "app/two.py": USER, "tests/test_one.py": USER}
)


def test_a_map_begins_with_the_folders() -> None:
    assert maps.render(TREE.view(), 4000).startswith("4 files: app/ 2, lib/ 1, tests/ 1\n")


def test_what_is_referred_to_most_is_shown_first() -> None:
    text = maps.render(TREE.view(), 120)
    assert "class Engine" in text
    assert "forgotten" not in text


def test_a_member_is_shown_below_what_it_stands_in() -> None:
    lines = maps.render(TREE.view(), 4000).splitlines()
    at = lines.index("lib/core.py")
    assert lines[at + 1].split() == ["1", "class", "Engine"]
    assert lines[at + 2].split()[:2] == ["2", "def"]
    assert lines[at + 2].index("def") > lines[at + 1].index("class")


def test_what_is_defined_in_a_function_is_not_shown() -> None:
    assert "inner" not in maps.render(TREE.view(), 4000)


def test_a_folder_is_mapped_by_the_references_of_all() -> None:
    text = maps.render(TREE.view(), 4000, "lib")
    assert text.startswith("1 files\n")
    assert "lib/core.py" in text
    assert "one.py" not in text


def test_a_file_is_mapped_alone() -> None:
    assert "helper" in maps.render(TREE.view(), 4000, "lib/core.py")


def test_many_folders_are_counted() -> None:
    tree = Tree({f"f{i:02}/a.txt": "x\n" for i in range(maps.MOST_FOLDERS + 3)})
    assert "3 more folders" in maps.render(tree.view(), 4000)


def test_a_name_that_several_define_is_worth_less_for_each() -> None:
    alike = {f"alike{i}.py": "def helper(value):\n    return value\n" for i in range(4)}
    tree = Tree(
        {**alike, "one.py": "def single():\n    return 1\n", "u.py": "helper(1)\nsingle()\n"}
    )
    text = maps.render(tree.view(), 4000)
    assert text.index("single") < text.index("helper")


def test_a_path_that_is_not_utf8_is_shown() -> None:
    tree = Tree({"odd\udcff/a.py": "def helper(value):\n    return value\n"})
    text = maps.render(tree.view(), 4000)
    assert "odd\udcff/a.py" in text
    assert "helper" in text
