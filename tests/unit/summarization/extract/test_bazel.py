"""Bazel."""

from slipstream.tasks.summarization.extract.bazel import RULES
from slipstream.tasks.summarization.extract.driver import findings_of


def test_a_failed_action_has_its_place_and_output_and_the_build_its_time() -> None:
    findings, (tally,) = findings_of(
        """\
INFO: Analyzed target //app:app (0 packages loaded).
ERROR: /srv/app/BUILD:3:8: Executing genrule //app:gen failed: (Exit 1): bash failed
  (cd /cache && exec env - bash -c 'generate')
cannot generate
Target //app:app failed to build
INFO: Elapsed time: 2.345s, Critical Path: 1.00s
ERROR: Build did NOT complete successfully
""",
        rules=RULES,
    )
    action, target = findings
    assert (action.file, action.line, action.name) == ("/srv/app/BUILD", 3, "//app:gen")
    assert action.span == (2, 4)
    assert target.name == "//app:app"
    assert (tally.failed, tally.duration) == (True, 2.345)
