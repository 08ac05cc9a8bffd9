"""Maven, Gradle, Ant, sbt, Leiningen."""

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.jvm_builds import RULES
from slipstream.tasks.summarization.model import Finding, Tally


def _read(text: str) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, rules=RULES)


def test_maven_tells_the_goal_the_module_and_the_time() -> None:
    (found,), (tally,) = _read("""\
[INFO] Reactor Summary for shop 1.0:
[INFO] core ............................... SUCCESS [  0.7 s]
[INFO] web ................................ FAILURE [  1.7 s]
[INFO] ------------------------------------------------------------------------
[INFO] BUILD FAILURE
[INFO] ------------------------------------------------------------------------
[INFO] Total time:  01:02 min
[ERROR] Failed to execute goal org.acme:check:1.0:run (default) on project web: rules broken
[ERROR] first rule
[ERROR] -> [Help 1]
[ERROR]
[ERROR] To see the full stack trace of the errors, re-run Maven with the -e switch.
""")
    assert found.name == "org.acme:check:1.0:run"
    assert found.span == (8, 10)
    assert (tally.failed, tally.duration, tally.note) == (True, 62.0, "module web")


def test_gradle_s_reason_reaches_from_its_place_to_the_advice() -> None:
    (found,), (tally,) = _read("""\
> Configure project
FAILURE: Build failed with an exception.

* Where:
Build file '/srv/build.gradle' line: 5

* What went wrong:
Execution failed for task ':deploy'.
> the server did not answer

* Try:
> Run with --stacktrace option to get the stack trace.

BUILD FAILED in 1m 6s
""")
    assert found.message == ":deploy: the server did not answer"
    assert (found.name, found.file, found.line) == (":deploy", "/srv/build.gradle", 5)
    assert found.span == (2, 9)
    assert (tally.tool, tally.failed, tally.duration) == ("gradle", True, 66.0)


def test_ant_gives_the_last_reason() -> None:
    (found,), (tally,) = _read("""\
BUILD FAILED
/srv/build.xml:12: The following error occurred while executing this line:
/srv/common.xml:3: Compile failed; see the compiler error output for details.

Total time: 3 seconds
""")
    assert (found.file, found.line) == ("/srv/common.xml", 3)
    assert (tally.failed, tally.duration) == (True, 3.0)


def test_sbt_s_unknown_errors_are_one_finding_and_its_task_another() -> None:
    findings, (tally,) = _read("""\
[info] checking
[error]  * method total()Int does not have a correspondent in current version
[error]    filter with: exclude("total")
[error] (core / mimaReport) Binary compatibility check failed!
[error] Total time: 286 s, completed Jul 23, 2019 8:14:27 AM
""")
    assert findings[-1].name == "core / mimaReport"
    assert (tally.failed, tally.duration) == (True, 286.0)


def test_a_success_is_a_verdict_without_findings() -> None:
    findings, tallies = _read(
        "[INFO] BUILD SUCCESS\n[INFO]\n[INFO] Total time:  2.5 s\nBUILD SUCCESSFUL in 3s\n"
    )
    assert findings == []
    assert [t.failed for t in tallies] == [False, False]


def test_a_logger_s_error_is_not_sbt_s() -> None:
    assert _read("2024/01/01 10:00:00 [error] 77#77: *200 connect() failed\n") == ([], [])
