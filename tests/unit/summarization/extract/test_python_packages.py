"""pip, uv, conda, tox, pre-commit."""

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.python_packages import RULES
from slipstream.tasks.summarization.model import Finding


def _all(text: str) -> list[Finding]:
    return findings_of(text, rules=RULES)[0]


def test_a_failed_wheel_is_one_finding_with_the_error_of_its_output() -> None:
    (found,) = _all("""\
Building wheels for collected packages: native
  error: subprocess-exited-with-error

  × Building wheel for native (setup.py) did not run successfully.
  │ exit code: 1
  ╰─> [3 lines of output]
      building 'native' extension
      native.c:1:10: fatal error: absent.h: No such file or directory
      error: command '/usr/bin/gcc' failed with exit code 1
      [end of output]

  note: This error originates from a subprocess, and is likely not a problem with pip.
  ERROR: Failed building wheel for native
after
""")
    assert found.message == "absent.h: No such file or directory"
    assert (found.name, found.file, found.line) == ("native", "native.c", 1)
    assert found.span == (2, 13)


def test_a_missing_package_is_one_finding() -> None:
    (found,) = _all(
        "ERROR: Could not find a version that satisfies the requirement absent (from versions)\n"
        "ERROR: No matching distribution found for absent\n"
    )
    assert found.span == (1, 2)


def test_a_conflict_lists_what_causes_it() -> None:
    (found,) = _all("""\
ERROR: Cannot install a==1.0 and b==1.0 because they have conflicting dependencies.

The conflict is caused by:
    a 1.0 depends on shared<2
    b 1.0 depends on shared>=2

To fix this you could try to:
1. loosen the range of package versions you've specified
after
""")
    assert found.span == (1, 8)


def test_uv_gives_the_reason_of_its_box() -> None:
    (found,) = _all("""\
  × No solution found when resolving dependencies:
  ╰─▶ Because absent was not found in the package registry and you require
      absent, we can conclude that your requirements are unsatisfiable.
after
""")
    assert found.message.startswith("Because absent was not found")
    assert found.span == (1, 3)


def test_conda_lists_the_packages() -> None:
    (found,) = _all("""\
PackagesNotFoundError: The following packages are not available from current channels:

  - numpy=1.10.4
  - python=3.4

Current channels:
""")
    assert (found.code, found.span) == ("PackagesNotFoundError", (1, 4))


def test_a_failed_hook_has_its_output() -> None:
    findings = _all("""\
trim trailing whitespace.................................................Passed
check yaml...............................................................Failed
- hook id: check-yaml
- exit code: 1

while parsing a.yaml
fix end of files.........................................................Passed
""")
    assert {f.name for f in findings} == {"check-yaml"}
    assert max(f.span[1] for f in findings) == 6
