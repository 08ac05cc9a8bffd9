"""npm, yarn, pnpm, gulp."""

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.npm import RULES
from slipstream.tasks.summarization.model import Finding


def _all(text: str) -> list[Finding]:
    return findings_of(text, rules=RULES)[0]


def test_old_npm_names_code_and_script() -> None:
    (found,) = _all("""\
> jest
npm ERR! code ELIFECYCLE
npm ERR! errno 1
npm ERR! shop@1.0.0 test: `jest`
npm ERR! Exit status 1
npm ERR!
npm ERR! Failed at the shop@1.0.0 test script.

npm ERR! A complete log of this run can be found in:
npm ERR!     /root/.npm/_logs/debug.log
""")
    assert (found.code, found.name) == ("ELIFECYCLE", "test")
    assert found.message == "Failed at the shop@1.0.0 test script."
    assert found.span[0] == 2


def test_new_npm_gives_the_reason() -> None:
    (found,) = _all("""\
npm error code ERESOLVE
npm error ERESOLVE unable to resolve dependency tree
npm error
npm error Found: react@18.0.0
npm error A complete log of this run can be found in: /root/x.log
""")
    assert (found.code, found.span) == ("ERESOLVE", (1, 5))
    assert found.message == "ERESOLVE unable to resolve dependency tree"


def test_yarn_and_pnpm_say_that_a_script_failed() -> None:
    findings = _all(
        "error Command failed with exit code 1.\n\n"
        "\u2009ELIFECYCLE\u2009 Command failed with exit code 3.\n"
    )
    assert [f.tool for f in findings] == ["yarn", "pnpm"]


def test_gulp_leaves_the_error_to_the_reader_of_its_stack() -> None:
    short, long = _all("""\
[10:00:00] 'lint' errored after 3 ms
[10:00:00] Error: 2 problems
[10:00:01] 'test' errored after 9 s
[10:00:01] Error: exited with 2
    at ChildProcess.<anonymous> (/srv/gulpfile.js:24:23)
""")
    assert (short.name, short.message) == ("lint", "[10:00:00] 'lint' errored after 3 ms")
    assert (long.name, long.span) == ("test", (3, 3))
