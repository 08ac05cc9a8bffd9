"""Rules of packages and of the configuration become rules of the scan, or are named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipstream.storage.config.settings import Pattern
from slipstream.tasks.summarization import engine, plugins
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Finding, Rule, Severity

ROOT = Path(__file__).resolve().parents[3]
BENCH = """\
[bench 03] voltage of the 5 V rail ....... OK
[bench 04] current at idle ............... NOT OK
    measured 18 mA
    allowed  12 mA
bench: 2 checks, 1 not ok
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on `sys.path` to write installed packages into."""
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    (tmp_path / "packages").mkdir()
    yield tmp_path / "packages"
    for name in [name for name in sys.modules if name.startswith("theirs")]:
        del sys.modules[name]


def install(folder: Path, name: str, code: str, value: str = "") -> None:
    (folder / f"{name}.py").write_text(code)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[slipstream.strategies]\n{name} = {value or name}\n")


def mine(found: tuple[list[Rule], list[str]]) -> tuple[list[Rule], list[str]]:
    """Of what was loaded, that which this file installed."""
    return [r for r in found[0] if r.name.startswith("t.")], [p for p in found[1] if "theirs" in p]


HEAD = "from slipstream.tasks.summarization.model import Rule, Severity\n"


def test_a_package_adds_its_rules_by_entry_point(package: Path) -> None:
    install(package, "theirs1", HEAD + "RULES = (Rule('t.a', 'BOOM', 'boom', 'build'),)")
    rules, problems = mine(plugins.load())
    assert [rule.name for rule in rules] == ["t.a"]
    assert not problems
    findings, _ = findings_of("ok\nBOOM a.c:3\n", rules=rules)
    assert [(f.message, f.file, f.line) for f in findings] == [("BOOM a.c:3", "a.c", 3)]


def test_an_entry_point_may_name_an_object_and_its_priority_becomes_the_weight(
    package: Path,
) -> None:
    code = "class S:\n    PRIORITY = 700\n    RULES = [Rule('t.a', 'BOOM', 'boom', 'build')]\n"
    install(package, "theirs1", HEAD + code, "theirs1:S")
    rules, problems = mine(plugins.load())
    assert [rule.weight for rule in rules] == [plugins.MAX_PRIORITY]
    assert not problems


@pytest.mark.parametrize(
    "code",
    [
        "raise RuntimeError('no')", "import sys; sys.exit(3)", "syntax error",
        "import theirs_missing", "x = 1", "RULES = None", "RULES = 5",
    ],
)  # fmt: skip
def test_a_plugin_that_cannot_be_loaded_is_named_and_the_others_work(
    package: Path, code: str
) -> None:
    install(package, "theirs1", code)
    install(package, "theirs2", HEAD + "RULES = (Rule('t.b', 'BOOM', 'boom', 'build'),)")
    rules, problems = mine(plugins.load())
    assert [rule.name for rule in rules] == ["t.b"]
    assert len(problems) == 1
    assert problems[0].startswith("the plugin theirs1 of theirs1 was not loaded (")


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("Rule('t.a', 'a(?=b)', 'x', 'build')", "not supported"),
        ("Rule('t.a', '(', 'x', 'build')", "left out"),
        ("Rule('t.b', 'BOOM', 'x', 'build')", "its name is taken"),
        ("Rule('t.a', 'BOOM', 'x', '')", "must be texts"),
        ("Rule('t.a', 'BOOM', 'x', 'build', 9)", "9 is not a valid Severity"),
        ("Rule('t.a', 'BOOM', 'x', 'build', extract=lambda d, i, r: None)", "top level"),
        ("('t.a', 'BOOM')", "it is not a slipstream"),
    ],
)
def test_a_rule_that_cannot_be_used_is_named_and_the_others_work(
    package: Path, rule: str, reason: str
) -> None:
    install(package, "theirs1", f"{HEAD}RULES = (Rule('t.b', 'BOOM', 'x', 'build'), {rule})")
    rules, problems = mine(plugins.load())
    assert [r.name for r in rules] == ["t.b"]
    assert len(problems) == 1
    assert "theirs1" in problems[0]
    assert reason in problems[0]


def test_the_fingerprint_changes_when_a_package_is_installed_and_costs_little(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend("")
    before = plugins.fingerprint()
    assert plugins.fingerprint() == before
    os.utime(package, ns=(0, 0))
    install(package, "theirs1", "RULES = ()")
    assert plugins.fingerprint() != before

    def seconds() -> float:
        start = time.process_time()
        plugins.fingerprint()
        return time.process_time() - start

    assert min(seconds() for _ in range(20)) < 0.0003


def test_the_example_plugin_installs_and_summarises(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "plugin", tmp_path / "plugin")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps"]
    target = ["--no-build-isolation", "--target", str(tmp_path / "site"), str(tmp_path / "plugin")]
    subprocess.run([*pip, *target], check=True, capture_output=True, text=True)
    (tmp_path / "log").write_text(BENCH)
    paths = [str(tmp_path / "site"), str(ROOT / "typings"), os.environ.get("PYTHONPATH", "")]
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from slipstream.tasks.summarization import plugins\n"
        "from slipstream.tasks.summarization.rules import ruleset\n"
        "from slipstream.tasks.summarization.extract.driver import findings_of\n"
        "for _ in range(2):\n"
        "    rules = [r for r in ruleset(Path(sys.argv[1])).rules if r.tool == 'bench']\n"
        "    findings, tallies = findings_of(open(sys.argv[2]).read(), rules=rules)\n"
        "    print(len(rules), *findings[0][1:5], tallies[0].failed, tallies[0].counts, sep='|')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "cache"), str(tmp_path / "log")],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )  # fmt: skip
    said = (
        "2|current at idle: measured 18 mA, allowed  12 mA|bench|test|(2, 4)|True"
        "|(('failed', 1), ('passed', 1))"
    )
    assert done.stdout.splitlines() == [said, said], done.stderr


def pattern_findings(regex: str, text: str, **more: str) -> list[Finding]:
    rules, problems = plugins.rules_from_patterns([Pattern("mine", regex, **more)])  # type: ignore[arg-type]
    assert not problems
    return findings_of(text, rules=rules)[0]


def test_the_groups_of_a_pattern_fill_the_finding() -> None:
    regex = r"^D-(?P<code>E\d+) (?P<file>[^:]+):(?P<line>\d+):(?P<column>\d+) (?P<message>.+)"
    text = "fine\nD-E12 infra/web.yml:7:3 no such image \x1b[31mö\x1b[0m\n"
    (found,) = pattern_findings(regex, text, severity="fatal", type="build")
    assert found == Finding(
        Severity.FATAL, "no such image ö", "mine", "build", (2, 2), "infra/web.yml", 7, 3, "E12",
        weight=plugins.PATTERN_WEIGHT,
    )  # fmt: skip


def test_without_groups_the_line_is_the_message_and_its_place_is_guessed() -> None:
    (found,) = pattern_findings("KAPUTT", "  KAPUTT at a/b.py:12:4\n", severity="warning")
    assert found[:4] == (Severity.WARNING, "KAPUTT at a/b.py:12:4", "mine", "command")
    assert (found.file, found.line, found.column) == ("a/b.py", 12, 4)


@pytest.mark.parametrize("regex", ["(", "a(?=b)", r"(a)\1", "(?P<x>a)(?P<x>b)", "", "[z-a]", "a**"])
def test_an_invalid_pattern_is_named_with_its_place_and_the_rest_works(regex: str) -> None:
    good = Pattern("good", "BOOM")
    bad = Pattern("bad", regex, where="x.yaml:7")
    rules, problems = plugins.rules_from_patterns([bad, good])
    if problems:
        assert [rule.tool for rule in rules] == ["good"]
        assert problems[0].startswith("x.yaml:7: pattern bad: ")
        assert problems[0].endswith("; it is left out")
    engine.compile_patterns([engine.Pattern(rule.pattern) for rule in rules])
    assert problems or regex in ("(?P<x>a)(?P<x>b)", "a**")


def test_a_pattern_that_would_backtrack_for_ever_is_harmless() -> None:
    rules, _ = plugins.rules_from_patterns([Pattern("evil", r"(?P<message>(a+)+)$")])
    from slipstream.tasks.summarization.document import Document

    start = time.process_time()
    extract = rules[0].extract
    assert extract is not None
    extract(Document(["a" * 4000 + "b"]), 0, rules[0])
    assert time.process_time() - start < 1


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=20), st.text(st.characters(codec=None), max_size=40))
def test_no_pattern_and_no_line_raises(regex: str, line: str) -> None:
    from slipstream.tasks.summarization.document import Document

    rules, problems = plugins.rules_from_patterns(
        [Pattern("any", regex), Pattern("named", f"(?P<message>{regex})")]
    )
    assert len(rules) + len(problems) >= 2
    for rule in rules:
        if rule.extract:
            rule.extract(Document([line]), 0, rule)
