"""docker, ansible, terraform, kubernetes."""

from slipstream.tasks.summarization.extract.containers import RULES
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Finding, Tally


def _read(text: str) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, rules=RULES)


def test_a_failed_step_of_docker_is_read_from_its_box_to_the_verdict() -> None:
    (found,), _ = _read("""\
#7 DONE 0.1s
------
 > [3/4] RUN make install:
0.512 cc -c a.c
0.611 a.c:1:10: fatal error: absent.h
------
Dockerfile:3
--------------------
   1 |     FROM debian
   3 | >>> RUN make install
--------------------
ERROR: failed to solve: process "/bin/sh -c make install" did not complete successfully
""")
    assert (found.name, found.file, found.line) == ("[3/4] RUN make install", "Dockerfile", 3)
    assert found.message == "a.c:1:10: fatal error: absent.h"
    assert found.span == (3, 12)


def test_the_old_builder_names_the_command() -> None:
    (found,), _ = _read("The command '/bin/sh -c make' returned a non-zero code: 2\n")
    assert found.name == "/bin/sh -c make"


def test_ansible_tells_the_task_the_reason_and_the_recap() -> None:
    (found,), (tally,) = _read("""\
TASK [install nginx] ***********************************************************
fatal: [web1]: FAILED! => {"changed": false, "msg": "No package matching 'nginxx'"}

PLAY RECAP *********************************************************************
web1                       : ok=2    changed=1    unreachable=0    failed=1    skipped=0
""")
    assert (found.name, found.message) == ("install nginx", "No package matching 'nginxx'")
    assert tally.failed
    assert ("failed", 1) in tally.counts


def test_terraform_s_box_names_the_place() -> None:
    (found,), _ = _read("""\
╷
│ Error: Reference to undeclared resource
│
│   on main.tf line 3, in output "ip":
│    3:   value = aws_instance.web.ip
│
│ A managed resource "aws_instance" "web" has not been declared.
╵
""")
    assert (found.file, found.line, found.span) == ("main.tf", 3, (2, 7))


def test_an_error_of_another_tool_is_not_terraform_s() -> None:
    assert _read("Error: Something else\nat once\n") == ([], [])
