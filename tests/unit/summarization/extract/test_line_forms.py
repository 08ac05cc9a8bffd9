"""Tools whose whole diagnostic is one line in a form of its own."""

import pytest

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.line_forms import RULES
from slipstream.tasks.summarization.model import Rule

EXPECTED = {
    "form.verilator": "warning top.v:12:5 [WIDTH] Operator ADD expects 8 bits",
    "form.vivado": "error /src/top.v:12:None [Synth 8-439] module 'fifo' not found",
    "form.haxe": "error src/Main.hx:3:5 [] Type not found : Foo",
    "form.dart.analyzer": "error lib/a.dart:3:5 [undefined_identifier] Undefined name 'x'",
    "form.kotlinc.script": "error /src/A.kt:3:5 [] Unresolved reference: foo",
    "form.psql": 'error schema.sql:12:None [] relation "users" does not exist',
    "form.nginx": 'fatal /etc/nginx/nginx.conf:12:None [] unknown directive "srver"',
    "form.cpplint": "error a.cc:12:None [whitespace/braces] Missing space before {",
    "form.hadolint": "warning Dockerfile:3:None [DL3008] Pin versions in apt get install",
    "form.sphinx": "warning /docs/index.rst:12:None [] Title underline too short.",
    "form.spotbugs": "warning A.java:12:None [DLS_DEAD_LOCAL_STORE] Dead store to x in A.f()",
    "form.prettier": "warning src/a.js:None:None [] not formatted",
    "form.groovyc": "error /src/A.groovy:12:1 [] unexpected token: }",
}


def brief(line: str, name: str) -> list[str]:
    rules = [rule for rule in RULES if rule.name == name]
    return [
        f"{f.severity.name.lower()} {f.file}:{f.line}:{f.column} [{f.code}] {f.message}"
        for f in findings_of(line, rules=rules)[0]
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_form_reads_its_own_example(rule: Rule) -> None:
    (said,) = brief(rule.examples[0], rule.name)
    assert said == EXPECTED.get(rule.name, said)


def test_a_caret_below_belongs_to_the_line() -> None:
    text = 'psql:a.sql:2: ERROR:  syntax error at or near "selec"\nselec 1;\n^\n'
    (found,) = findings_of(text, rules=RULES)[0]
    assert found.span == (1, 3)
