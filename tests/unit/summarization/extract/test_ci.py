"""What CI systems print."""

from slipstream.tasks.summarization.extract.ci import RULES
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Finding, Severity, Tally


def _read(text: str) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, rules=RULES)


def test_an_annotation_has_its_place_and_level() -> None:
    (error, warning, azure), _ = _read(
        "::error file=src/a.ts,line=7,col=3,title=TS2322::not assignable\n"
        "2024-01-01T00:00:00.0000000Z ##[warning]src/b.ts(9,1): unused\n"
        "##vso[task.logissue type=error;sourcepath=a.cs;linenumber=4;columnnumber=2;code=CS1]no\n"
    )
    assert (error.file, error.line, error.column, error.code) == ("src/a.ts", 7, 3, "TS2322")
    assert error.message == "not assignable"
    assert (warning.severity, warning.file, warning.line) == (Severity.WARNING, "src/b.ts", 9)
    assert (azure.file, azure.line, azure.message) == ("a.cs", 4, "no")


def test_a_failed_step_names_its_command() -> None:
    (found,), _ = _read('\x1b[31;1mThe command "make test" exited with 2.\x1b[0m\n')
    assert (found.name, found.tool) == ("make test", "ci")


def test_the_steps_of_many_systems_are_known() -> None:
    lines = (
        "2024-01-01T00:00:00.0000000Z ##[error]Process completed with exit code 1.",
        "Exited with code exit status 1",
        "Command exited with code 1",
        "ERROR: script returned exit code 1",
        "Build step 'Execute shell' marked build as failure",
    )
    for line in lines:
        (found,), _ = _read(line + "\n")
        assert found.tool == "ci"


def test_limits_are_fatal() -> None:
    (found,), _ = _read(
        "No output has been received in the last 10m0s, this may be a stalled build\n"
    )
    assert found.severity is Severity.FATAL


def test_the_job_s_verdict_is_a_tally() -> None:
    for line, failed in (
        ("ERROR: Job failed: exit code 1", True),
        ("Job succeeded", False),
        ("Finished: SUCCESS", False),
        ("Finished: UNSTABLE", True),
        ("Done. Your build exited with 0.", False),
    ):
        _, (tally,) = _read(line + "\n")
        assert tally.failed is failed


def test_an_exit_with_zero_is_no_failure() -> None:
    assert _read('The command "make" exited with 0.\n') == ([], [])
