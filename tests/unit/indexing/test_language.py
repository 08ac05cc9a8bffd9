"""Which language a file is in."""

from __future__ import annotations

import pytest

from slipstream.tasks.indexing import language


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.py", "python"),
        ("deep/down/A.PY", "python"),
        ("a.test.tsx", "tsx"),
        ("a.d.ts", "typescript"),
        ("lib.h", "c"),
        ("Makefile", "make"),
        ("docker/Dockerfile.dev", "docker"),
        ("app/CMakeLists.txt", "cmake"),
        ("setup.cfg", "ini"),
        (".bashrc", "bash"),
        ("Gemfile", "ruby"),
        ("pyproject.toml", "toml"),
        ("notes.txt", "text"),
        ("notes", "text"),
        (".py", "text"),
        ("a.", "text"),
        ("", "text"),
        ("folder.py/notes", "text"),
        ("a.no-such-ending", "text"),
    ],
)
def test_a_name_tells_the_language(path: str, expected: str) -> None:
    assert language.of(path) == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"#!/bin/sh\n", "bash"),
        (b"#!/usr/bin/env python3\n", "python"),
        (b"#! /usr/bin/env -S python3.12 -u\n", "python"),
        (b"#!/usr/bin/env -S A=b node --flag\n", "javascript"),
        (b"#!/usr/local/bin/ruby\n", "ruby"),
        (b"#!/usr/bin/no-such-thing\n", "text"),
        (b"#!\n", "text"),
        (b"hello #!/bin/sh", "text"),
    ],
)
def test_the_first_line_tells_where_the_name_does_not(head: bytes, expected: str) -> None:
    assert language.of("bin/run", head) == expected


def test_a_name_counts_more_than_the_first_line() -> None:
    assert language.of("a.rb", b"#!/bin/sh\n") == "ruby"


@pytest.mark.parametrize(
    "head", [b"class A {\n", b"  namespace a {\n", b"template <typename T>\n", b"#include <vector>"]
)
def test_a_header_that_only_cpp_reads_is_cpp(head: bytes) -> None:
    assert language.of("a.h", b"#pragma once\n" + head) == "cpp"
    assert language.of("a.h", b"#include <stdio.h>\nstruct a { int b; };\n") == "c"


def test_no_two_languages_claim_the_same_name() -> None:
    for table in (language._EXTENSIONS, language._NAMES, language._INTERPRETERS):
        words = " ".join(table.values()).split()
        assert len(words) == len(set(words))
