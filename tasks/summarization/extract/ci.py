"""What CI systems print: annotations, the step that failed, time limits, the job's verdict."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.step import verdict
from slipstream.tasks.summarization.model import Extracted, Rule, Severity

_EXIT = (
    r"Process completed with exit code|exited with code|failed with exit code|returned exit code|"
    r"exited with status|failed because one or more lines were written to the standard error"
)


def annotation(doc: Document, i: int, rule: Rule) -> Extracted:
    """`##[error]message`, `::error file=a.py,line=3::message`, `##vso[task.logissue …]message`."""
    text = doc.texts[i]
    match = rx(
        r"(?:##\[(error|warning)\]|::(error|warning)(?: ([^:]*(?:::?[^:]+)*?))?::|##vso\[task\.logissue ([^\]]*)\])(.*)$"
    ).search(text)
    if not match:
        return None
    fields = match[3] or match[4] or ""
    level = match[1] or match[2] or ("warning" if "type=warning" in fields else "error")
    message = match[5].strip()
    if not message:
        return None
    if rx(_EXIT).search(message):
        return step(doc, i, rule)
    pairs = dict(pair.split("=", 1) for pair in rx(r"[,;]").split(fields) if "=" in pair)
    pairs = {key.strip(): value.strip() for key, value in pairs.items()}
    title = pairs.get("title", "")
    where = rx(r"^(\S+\.\w+)[:(](\d+)(?:[:,](\d+))?").match(message)
    file = pairs.get("file") or pairs.get("sourcepath") or (where[1] if where else "")
    line = pairs.get("line") or pairs.get("linenumber") or (where[2] if where else None)
    tool = rx(r"^(\w+) \((\S+)\)$").match(title)  # as ruff names itself and the rule
    return finding(
        doc, rule, i, i, message.replace("%0A", " ").strip(),
        tool=tool[1] if tool else rule.tool, kind="lint" if tool else rule.kind,
        code=tool[2] if tool else title or pairs.get("code", ""),
        severity=Severity.WARNING if level == "warning" else Severity.ERROR, file=file,
        line=number(line), column=number(pairs.get("col") or pairs.get("columnnumber")),
    )  # fmt: skip


def step(doc: Document, i: int, rule: Rule) -> Extracted:
    """The line that says that a step failed."""
    text = rx(r"^\d{4}-\d\d-\d\dT\S+Z ").sub("", doc.texts[i]).strip().removeprefix("##[error]")
    named = rx(
        r"[Tt]he command \"(.+)\" (?:failed and )?exited|Build step '([^']+)' marked"
    ).search(text)
    return finding(doc, rule, i, i, text, name=(named[1] or named[2]) if named else "", weight=24)


def outcome(doc: Document, i: int, rule: Rule) -> Extracted:
    """The job's verdict."""
    text = doc.texts[i].strip()
    good = rx(r"Job succeeded|Finished: SUCCESS|exited with 0\b|Build success").search(text)
    return verdict(doc, i, rule, not good, note=text)


RULES: tuple[Rule, ...] = (
    Rule(
        "ci.annotation", r"##\[(?:error|warning)\]|::(?:error|warning)(?: [^:]*(?:::?[^:]+){0,3})?::|##vso\[task\.logissue type=(?:error|warning)",
        "ci", "build", extract=annotation, weight=16,
        examples=("##[error]Process completed with exit code 1.", "::error file=a.py,line=3::boom"),
    ),
    Rule(
        "ci.step",
        r"[Tt]he command \".+\" (?:failed and )?exited with (?:[1-9]|-)|Process completed with exit code [1-9]|"
        r"^(?:\x1b\[[0-9;]*m)*Command exited with code [1-9]|Exited with code exit status [1-9]|"
        r"Build step '.+' marked build as failure|script returned exit code [1-9]|"
        r"The command exited with status [1-9]|Process exited with code [1-9]|^Exit status: [1-9]|"
        r"Command exit code: [1-9]|Error: Process completed|failed with exit code [1-9]|"
        r"The command failed with status [1-9]|exited with non-zero (?:exit )?(?:status|code)|"
        r"(?:returned|with) non-zero exit (?:status|code)",
        "ci", "build", extract=step, weight=12,
        examples=('The command "make test" exited with 2.', "Process completed with exit code 1.",
                  "Exited with code exit status 1"),
    ),
    Rule(
        "ci.limit",
        r"No output has been received in the last|The job exceeded the maximum (?:time limit|log length)|"
        r"The log length has exceeded|Too long with no output|Build execution time has reached the maximum|"
        r"exceeded the maximum execution time|The runner has received a shutdown signal|The operation was canceled|"
        r"[Jj]ob's log exceeded limit|execution took longer than|The hosted runner .*lost communication|"
        r"Build timed out \(after|Cancelling nested steps due to timeout|has exceeded the maximum",
        "ci", "build", Severity.FATAL, weight=26,
        examples=("No output has been received in the last 10m0s, this potentially indicates a stalled build",),
    ),
    Rule(
        "ci.job",
        r"ERROR: Job failed|Finished: (?:FAILURE|SUCCESS|UNSTABLE|ABORTED|NOT_BUILT)|Done\. Your build exited with|"
        r"^(?:\x1b\[[0-9;]*m)*Job succeeded|Your build has been stopped",
        "ci", "build", extract=outcome, weight=30,
        examples=("ERROR: Job failed: exit code 1", "Finished: FAILURE", "Done. Your build exited with 1."),
    ),
    Rule(
        "ci.problem", r"##teamcity\[(?:buildProblem|testFailed|message [^\]]*status='(?:ERROR|FAILURE)')", "ci", "build", weight=18,
        examples=("##teamcity[buildProblem description='boom']",),
    ),
)  # fmt: skip
