"""`slip compare`, `slip bench comparisons` and `slip bench trend` on stored runs."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from slipstream.cli.main import main
from slipstream.storage import bench, bench_baselines, results
from slipstream.storage.bench_baselines import Key
from slipstream.storage.results import Connection
from slipstream.tasks.benchmarking import environment
from slipstream.tasks.benchmarking.reports.json import from_json
from tests.unit.compare import made

Printed = pytest.CaptureFixture[str]
SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "comparison.schema.json"
SLOWER = 1.4
HEAVY = {"prefect", "sqlalchemy", "sqlmodel", "openai"}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five runs of a server, and five after it became slower by 40 %."""
    home = tmp_path_factory.mktemp("measured")
    with results.opened(home) as connection:
        for number in range(10):
            slow = number >= 5
            identity = f"{'b' if slow else 'a'}{number:011x}"
            ttft = 50.0 * (SLOWER if slow else 1)
            cells = {
                label: made.samples(number * 10 + place, 20, ttft * (1 + place), gap=200)
                for place, label in enumerate(("concurrency=1", "concurrency=2"))
            }
            series = ("b" if slow else "a") * 12
            made.run(connection, identity, cells, at=number, series=series)
        bench.add_tag(connection, "a" + "0" * 11, "before", whole=True)
    return home


@pytest.fixture
def connection(home: Path, measured: Path) -> Iterator[Connection]:
    """The results, in a data folder of the test's own."""
    shutil.copytree(measured, home)
    with results.opened(home) as connection:
        yield connection


def told(capsys: Printed, *arguments: str, status: int = 0) -> str:
    """What a command printed."""
    assert main(list(arguments)) == status, capsys.readouterr().err
    return capsys.readouterr().out


@pytest.mark.usefixtures("connection")
def test_a_slower_server_is_named_and_fails(capsys: Printed) -> None:
    """With its severity, in all cells, and nothing else; exit status 3."""
    said = told(capsys, "compare", "before", "latest", status=3)
    assert said.startswith("2 regressions; the worst of them is major.\n")
    rows = [line.split() for line in said.splitlines() if line.startswith("major ")]
    assert {(row[2], row[3], row[4]) for row in rows} == {
        (f"concurrency={n}", "ttft", "p50") for n in (1, 2)
    }
    assert "Improvements" not in said


@pytest.mark.usefixtures("connection")
@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--fail-on", "major"], 3),
        (["--fail-on", "critical"], 0),
        (["--fail-on", "never"], 0),
        (["--threshold", "60"], 0),
        (["--metric-threshold", "ttft=60%"], 0),
        (["--metric-threshold", "e2e=60", "--metric-threshold", "ttft p95=60"], 3),
        (["--metric-threshold", "ttft p50=60"], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_fails_can_be_chosen(options: list[str], status: int, capsys: Printed) -> None:
    told(capsys, "compare", "before", "latest", *options, status=status)


@pytest.mark.usefixtures("connection")
def test_the_json_is_whole_valid_and_stored(capsys: Printed) -> None:
    """What is shown again later is the same."""
    said = told(capsys, "compare", "before", "latest", "--json", status=3)
    jsonschema.validate(json.loads(said), json.loads(SCHEMA.read_text()))
    found = from_json(said)
    (listed,) = json.loads(told(capsys, "bench", "comparisons", "--json"))
    assert (listed["id"], listed["worst"], listed["base"]) == (found.id, "major", "before")
    again = told(capsys, "bench", "comparisons", found.id, "--format", "json")
    assert from_json(again) == found
    assert told(capsys, "bench", "comparisons", "latest").startswith("2 regressions")
    table = told(capsys, "bench", "comparisons").splitlines()
    assert table[1].split("\t")[0] == found.id


@pytest.mark.usefixtures("connection")
def test_a_page_is_written_to_a_file_of_its_own_or_a_named_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    """One that is there is replaced, and that is said; the history is drawn as well."""
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "before", "latest", "--format", "html"]) == 3
    printed = capsys.readouterr()
    (file,) = tmp_path.glob("comparison-*.html")
    assert f"wrote {file.name}" in printed.err
    page = file.read_text(encoding="utf-8")
    assert "History of chat concurrency=1 ttft p50" in page
    assert "Throughput against" in page
    assert main(["bench", "comparisons", "latest", "-f", "csv", "-o", file.name]) == 0
    assert f"replaced {file.name}" in capsys.readouterr().err
    assert list(tmp_path.glob(".comparison*")) == []


@pytest.mark.usefixtures("connection")
def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path, capsys: Printed) -> None:
    """The comparison is kept all the same."""
    to = tmp_path / "missing" / "report.md"
    assert main(["compare", "before", "latest", "-f", "markdown", "-o", str(to)]) == 1
    assert "cannot be written: No such file or directory." in capsys.readouterr().err
    assert told(capsys, "bench", "comparisons", "latest", "-f", "markdown").startswith("## 2 regr")


@pytest.mark.usefixtures("connection")
def test_a_report_goes_to_a_device_as_well(capsys: Printed) -> None:
    """What is no file is written to, never replaced."""
    told(capsys, "compare", "before", "latest", "-f", "csv", "-o", os.devnull, status=3)
    assert not Path(os.devnull).is_file()
    said = told(capsys, "compare", "before", "latest", "-f", "csv", "-o", "-", status=3)
    rows = list(csv.DictReader(io.StringIO(said)))
    assert {row["outcome"] for row in rows} >= {"regression", "shown"}


def test_one_name_is_held_against_the_baseline(connection: Connection, capsys: Printed) -> None:
    """And none at all means the latest."""
    machine = environment.fingerprint(made.MACHINE)
    runs = [f"a{number:011x}" for number in range(5)]
    bench_baselines.set_(connection, Key("smoke", "m", machine), runs)
    for names in ([], ["latest"]):
        said = told(capsys, "compare", *names, status=3)
        assert "base: baseline, 5 runs" in said
        assert "candidate: latest, 5 runs" in said


@pytest.mark.usefixtures("connection")
@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["compare"], 4, "No baseline is set"),
        (["compare", "before", "nowhere"], 4, "There is no run nowhere"),
        (["compare", "latest", "latest"], 2, "latest and latest are the same"),
        (["compare", "before", "latest", "--format", "pdf"], 2, "--format pdf is none of text"),
        (["compare", "before", "latest", "--sort", "size"], 2, "--sort size is none of severity"),
        (["compare", "before", "latest", "--only", "bad"], 2, "--only bad is none of all"),
        (["compare", "before", "latest", "--fail-on", "bad"], 2, "--fail-on bad is none of minor"),
        (["compare", "before", "latest", "--threshold", "0"], 2, "--threshold 0"),
        (["compare", "before", "latest", "--threshold", "nan"], 2, "--threshold nan"),
        (["compare", "before", "latest", "--metric-threshold", "x"], 2, "not as in ttft=10"),
        (["compare", "before", "latest", "--metric-threshold", "x=-1"], 2, "-1 is not a percent"),
        (["bench", "comparisons", "nowhere"], 4, "There is no comparison nowhere"),
        (["bench", "trend", "nowhere"], 4, "nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_done_is_one_sentence(
    arguments: list[str], status: int, words: str, capsys: Printed
) -> None:
    assert main(arguments) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


@pytest.mark.usefixtures("connection")
def test_the_history_of_a_metric_shows_where_it_changed(capsys: Printed) -> None:
    """In each form."""
    said = told(capsys, "bench", "trend", "ttft")
    assert said.startswith("chat concurrency=1 ttft p50 (ms), smoke, m: 10 runs\n")
    assert "From run b00000000005 " in said
    assert "worse" in said
    value = json.loads(told(capsys, "bench", "trend", "ttft", "--json"))
    assert [change["place"] for change in value["changes"]] == [5]
    rows = list(csv.DictReader(io.StringIO(told(capsys, "bench", "trend", "ttft", "-f", "csv"))))
    assert [row["changed"] for row in rows].index("True") == 5
    assert told(capsys, "bench", "trend", "ttft", "-f", "markdown").startswith("## History of")


@pytest.mark.usefixtures("connection")
def test_the_history_is_a_page_too(tmp_path: Path, capsys: Printed) -> None:
    to = tmp_path / "trend.html"
    told(capsys, "bench", "trend", "ttft", "-f", "html", "-o", str(to))
    assert "<svg" in to.read_text(encoding="utf-8")


@pytest.mark.usefixtures("connection")
def test_a_comparison_imports_neither_prefect_nor_an_orm_nor_a_client() -> None:
    """Nor matplotlib, where nothing is drawn."""
    program = (
        "import sys\nbefore = set(sys.modules)\n"
        "from slipstream.cli.main import main\n"
        "status = main(['compare', 'before', 'latest'])\n"
        f"heavy = {HEAVY | {'matplotlib', 'jinja2'}!r} & (set(sys.modules) - before)\n"
        "print('heavy:', *sorted(heavy), file=sys.stderr)\n"
        "raise SystemExit(status)"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert done.stderr.splitlines()[-1] == "heavy:"
