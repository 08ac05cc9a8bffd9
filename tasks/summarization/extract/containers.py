"""docker, compose, kubernetes, helm, terraform, ansible, vagrant, packer."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.stack import bare, block, ranges
from slipstream.tasks.summarization.extract.step import indented
from slipstream.tasks.summarization.model import Extracted, Rule, Tally


def buildkit(doc: Document, i: int, rule: Rule) -> Extracted:
    """`ERROR: failed to solve: …` with the step's box above: ` > [3/4] RUN …` to `------`."""
    text = doc.texts[i]
    match = rx(r"((?:ERROR: )?failed to solve(?: with frontend \S+)?: .*)$").search(text)
    if not match:
        return None
    prefix = text[: match.start()]
    first, step, place, said = i, "", None, ""
    told = rx(r"(?i)\berror\b(?!s)|\bfatal\b|exception|panicked|traceback")
    shown = [(i, i)]
    for k, line in doc.back(i - 1, 80) if i else ():
        body = bare(line, prefix)
        if found := rx(r"^(\S*[Dd]ockerfile\S*):(\d+)$").match(body.strip()):
            place = found
        elif found := rx(r"^\s*> (\[.*?\] .*?):?$").match(body):
            first, step = k, found[1]
            box_end = k
            for n, inner in block(doc, k + 1, prefix, 60):
                if n >= i or inner.startswith("------"):
                    break
                box_end = n
                output = rx(r"^(?:#\d+ )?\d+\.\d+ ").sub("", inner.strip())
                if output and not told.search(said):
                    said = output
            shown += [(k, k), (max(k, box_end - 8), box_end)]
            break
    return finding(
        doc, rule, first, i, said if said and step else match[1], name=step,
        file=place[1] if place else "", line=number(place[2]) if place else None,
        focus=ranges(doc, shown),
    )  # fmt: skip


def progress(doc: Document, i: int, rule: Rule) -> Extracted:
    """Plain progress: `#8 ERROR: process "…" did not complete successfully`."""
    match = rx(r"#(\d+) ERROR: (.+)$").search(doc.texts[i])
    if not match:
        return None
    for _, text in doc.forward(i + 1, 120):
        if "failed to solve" in text and match[2] in text:
            return None  # told again with the step and its place
    return finding(doc, rule, i, i, match[2])


def terraform(doc: Document, i: int, rule: Rule) -> Extracted:
    """Terraform's box: `Error: message`, `on main.tf line 3`, the excerpt and the detail."""
    text = doc.texts[i]
    boxed = rx(r"^(\W*\u2502) (?:Error|Warning): ").match(text)
    last, file, line_number = i, "", None
    for k, line in doc.forward(i + 1, 40):
        if boxed and not line.startswith(boxed[1]):
            break
        body = line.removeprefix(boxed[1] if boxed else "").strip()
        if (
            not boxed
            and body
            and not line.startswith(" ")
            and k > i + 2
            and not _terraform_text(doc, k)
        ):
            break
        if found := rx(r"^on (\S+) line (\d+)").match(body):
            file, line_number = found[1], number(found[2])
        last = k if body else last
    if not boxed and not file:
        return None
    return finding(doc, rule, i, last, text.strip(" \u2502"), file=file, line=line_number)


def _terraform_text(doc: Document, i: int) -> bool:
    return i > 0 and not doc.texts[i - 1].strip()


def ansible(doc: Document, i: int, rule: Rule) -> Extracted:
    """`fatal: [host]: FAILED! => …` with the task's header above."""
    match = rx(r"(?:fatal|failed): \[([^\]]+)\]:?.*?=> ?(.*)$").search(doc.texts[i])
    if not match:
        return None
    prefix = doc.texts[i][: match.start()]
    task = next(
        (m[1] for _, line in doc.back(i - 1, 40) if (m := rx(r"(?:TASK|HANDLER) \[(.+?)\] \*").search(line))), ""
    ) if i else ""  # fmt: skip
    last = i
    if match[2].strip() in ("", "{"):
        for k, line in block(doc, i + 1, prefix, 60):
            last = k
            if line.startswith("}"):
                break
    said = next(
        (
            m[1]
            for k in range(i, last + 1)
            if (m := rx(r'"(?:msg|stderr)": "((?:[^"\\]|\\.)+)"').search(doc.texts[k]))
        ),
        "",
    )
    first = i - 1 if i and rx(r"(?:TASK|HANDLER) \[").search(doc.texts[i - 1]) else i
    return finding(doc, rule, first, last, said or match[0].strip(), name=task)


def recap(doc: Document, i: int, rule: Rule) -> Extracted:
    """One host's line of `PLAY RECAP`."""
    found = rx(r"(ok|changed|unreachable|failed|skipped|rescued|ignored)=(\d+)").findall(
        doc.texts[i]
    )
    counts = tuple((name, int(value)) for name, value in found)
    bad = any(n for name, n in counts if name in ("failed", "unreachable"))
    return Tally(rule.tool, rule.kind, doc.numbers[i], bad, counts)


def legacy(doc: Document, i: int, rule: Rule) -> Extracted:
    """`The command '/bin/sh -c …' returned a non-zero code: 1`"""
    match = rx(r"The command '(.+?)' returned a non-zero code: (\d+)").search(doc.texts[i])
    if not match:
        return None
    return finding(doc, rule, i, i, match[0], name=match[1])


RULES: tuple[Rule, ...] = (
    Rule(
        "docker.solve", r"failed to solve(?: with frontend \S+)?: ", "docker", "build", extract=buildkit, weight=25,
        examples=('ERROR: failed to solve: process "/bin/sh -c false" did not complete successfully: exit code: 1',),
    ),
    Rule(
        "docker.step", r"#\d+ ERROR: ", "docker", "build", extract=progress, weight=22,
        examples=('#8 ERROR: process "/bin/sh -c false" did not complete successfully: exit code: 1',),
    ),
    Rule(
        "docker.legacy", r"The command '.+' returned a non-zero code: \d+", "docker", "build",
        extract=legacy, weight=25,
        examples=("The command '/bin/sh -c make' returned a non-zero code: 2",),
    ),
    Rule(
        "docker.daemon", r"Error response from daemon: |Cannot connect to the Docker daemon|pull access denied for |"
        r"manifest (?:for |unknown)|toomanyrequests: |no basic auth credentials|"
        r"[Dd]ockerfile parse error|failed to read dockerfile|unable to prepare context|"
        r"COPY failed: |ADD failed: |executor failed running \[|invalid reference format",
        "docker", "build", weight=18,
        examples=("docker: Error response from daemon: No such container: x.",
                  "COPY failed: file not found in build context"),
    ),
    Rule(
        "compose.service", r"Service '.+' failed to build|dependency failed to start|ERROR: for |"
        r"\bexited with code [1-9]|is unhealthy|no such service: ",
        "docker-compose", "build", weight=15,
        examples=("web_1 exited with code 1", "dependency failed to start: container db is unhealthy"),
    ),
    Rule(
        "kubernetes.error", r"Error from server(?: \(\w+\))?: |CrashLoopBackOff|ImagePullBackOff|ErrImagePull|"
        r"error: unable to recognize|error validating data|The connection to the server \S+ was refused|"
        r"Error: (?:INSTALLATION|UPGRADE) FAILED|error: timed out waiting for the condition|"
        r"Error: (?:YAML parse error|template: |execution error at)",
        "kubernetes", "build", extract=indented, weight=16,
        examples=('Error from server (NotFound): pods "x" not found', "Error: INSTALLATION FAILED: timed out"),
    ),
    Rule(
        "terraform.error", r"^\W{0,6}(?:\x1b\[[0-9;]*m)*\W{0,8}(?:\x1b\[[0-9;]*m)*Error: (?:\x1b\[[0-9;]*m)*[A-Z]", "terraform", "build", extract=terraform, weight=16,
        examples=("Error: Unsupported argument", "\u2502 Error: Reference to undeclared resource"),
    ),
    Rule(
        "ansible.task", r"(?:fatal|failed): \[[^\]]+\].*=>", "ansible", "build", extract=ansible, weight=22,
        examples=('fatal: [web1]: FAILED! => {"changed": false, "msg": "no"}',),
    ),
    Rule(
        "ansible.error", r"ERROR! \S", "ansible", "build", extract=indented, weight=18,
        examples=("ERROR! the playbook: x.yml could not be found",),
    ),
    Rule(
        "ansible.recap", r"ok=\d+ +changed=\d+ +unreachable=\d+ +failed=\d+", "ansible", "build",
        extract=recap, weight=30,
        examples=("web1 : ok=2  changed=1  unreachable=0  failed=1",),
    ),
    Rule(
        "vagrant.error", r"The following SSH command responded with a non-zero exit|There are errors in the configuration of this machine|"
        r"The SSH command responded with a non-zero|Build '[^']+' errored|Puppet.*Error: |Chef .*failed",
        "vagrant", "build", extract=indented, weight=16,
        examples=("The SSH command responded with a non-zero exit status. Vagrant",),
    ),
)  # fmt: skip
