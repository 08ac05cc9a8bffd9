"""Maven, Gradle, Ant, sbt, Leiningen: the failing goal or task, its reason, the verdict."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.stack import bare, block, ranges
from slipstream.tasks.summarization.extract.step import failed, passed, verdict
from slipstream.tasks.summarization.model import Extracted, Rule, Severity


def maven_goal(doc: Document, i: int, rule: Rule) -> Extracted:
    """`[ERROR] Failed to execute goal …` up to `-> [Help 1]`."""
    text = doc.texts[i]
    at = text.find("[ERROR]")
    prefix = text[: max(at, 0)]
    last = i
    if "-> [Help" not in text:
        for k, line in block(doc, i + 1, prefix, 60):
            body = line.removeprefix("[ERROR]").strip()
            if not line.startswith("[ERROR]") or body.startswith(
                ("To see the full", "Re-run Maven", "For more info")
            ):
                break
            if body:
                last = k
            if "-> [Help" in line:
                break
    message = rx(r"^\[?(?:ERROR|FATAL)?\]?\s*").sub("", bare(text, prefix)).strip()
    goal = rx(r"goal (\S+?:[\w-]+:\S+?:[\w-]+)|on project ([\w.-]+)").findall(message)
    project = rx(r"on project ([\w.-]+)").search(message)
    place = rx(r"(/\S+\.\w+):\[(\d+),(\d+)\]").search(message)
    return finding(
        doc, rule, i, last, message.split(" -> [Help")[0], name=goal[0][0] if goal else "",
        code=project[1] if project else "",
        file=place[1] if place else "", line=number(place[2]) if place else None,
        column=number(place[3]) if place else None,
        focus=ranges(doc, [(i, min(i + 6, last))]),
    )  # fmt: skip


def maven_pom(doc: Document, i: int, rule: Rule) -> Extracted:
    """`[ERROR] [ERROR] Some problems were encountered while processing the POMs:` and its list."""
    last = i
    for k, line in doc.forward(i + 1, 20):
        if not rx(r"\[(?:ERROR|FATAL|WARNING)\]|^\s*@ ").search(line) or "BUILD" in line:
            break
        if line.strip() not in ("[ERROR]", "@"):
            last = k
    said = next(
        (doc.texts[k].strip() for k in range(i, last + 1) if "resolvable" in doc.texts[k] or "[FATAL]" in doc.texts[k]),
        doc.texts[i].strip(),
    )  # fmt: skip
    place = rx(r"(?<!\S)(\S+\.xml)\b.*@ +line (\d+), column (\d+)").search(said)
    return finding(
        doc, rule, i, last, rx(r"^(?:\[\w+\]\s*)+").sub("", said),
        file=place[1] if place else "", line=number(place[2]) if place else None,
        column=number(place[3]) if place else None,
    )  # fmt: skip


def maven_verdict(doc: Document, i: int, rule: Rule) -> Extracted:
    """`BUILD FAILURE` with the `Total time` below and the failed module above."""
    bad = "BUILD FAILURE" in doc.texts[i]
    duration = next(
        (
            m[1]
            for _, line in doc.forward(i + 1, 4)
            if (m := rx(r"Total time:\s+(.+)$").search(line))
        ),
        None,
    )
    module = ""
    for _, line in doc.back(i - 1, 200) if i and bad else ():
        if match := rx(r"(?:^|\])\s*([^\s\]][^\]]*?) \.{2,} ?FAILURE").search(line):
            module = match[1]
            break
        if "Reactor Summary" in line:
            break
    return verdict(doc, i, rule, bad, duration, f"module {module}" if module else "")


def gradle(doc: Document, i: int, rule: Rule) -> Extracted:
    """The block `* What went wrong:` with `* Where:` above it, up to `* Try:`."""
    at = doc.texts[i].find("* What went wrong:")
    prefix = doc.texts[i][: max(at, 0)]
    if prefix.strip() and not rx(r"[\])|:Z]\s*$").search(prefix):
        return None
    first = i
    file, line_number = "", None
    for k, text in doc.back(i - 1, 8) if i else ():
        line = bare(text, prefix)
        if match := rx(
            r"^(?:Build|Settings|Script|Initialization script).* '([^']+)' line: (\d+)"
        ).match(line):
            file, line_number = match[1], number(match[2])
        if line.startswith("* Where:"):
            first = k
        if line.startswith(("FAILURE: ", "BUILD")) or rx(r"^\d+: Task failed").match(line):
            first = k
            break
    last, said, name, deep = i, "", "", 0
    for k, line in block(doc, i + 1, prefix, 80):
        if rx(r"^\* (?!What)|^BUILD FAILED|^-{20,}|^={20,}").match(line):
            break
        body = line.strip()
        if match := rx(r"Execution failed for task '([^']+)'").search(body):
            name = match[1]
        elif body.startswith("> ") and (not said or line.index(">") >= deep):
            said = f"{said}: {body[2:]}" if said else body[2:]
            deep = line.index(">") + 1
        elif body and not said and not name:
            said = body.rstrip(".")
        if body:
            last = k
    message = f"{name}: {said}" if name and said else said or name or doc.texts[i].strip()
    return finding(
        doc, rule, first, last, message, name=name, file=file, line=line_number,
        focus=ranges(doc, [(i, min(last, i + 10))]),
    )  # fmt: skip


def gradle_task(doc: Document, i: int, rule: Rule) -> Extracted:
    """`> Task :app:compileJava FAILED`"""
    match = rx(r"(?:> Task )?(?<!\S)(:\S+) FAILED").search(doc.texts[i])
    return finding(doc, rule, i, i, match[0], name=match[1]) if match else None


def ant(doc: Document, i: int, rule: Rule) -> Extracted:
    """Ant's or Gradle's `BUILD FAILED`; Ant prints the reason in the lines below."""
    text = doc.texts[i]
    if duration := rx(r"BUILD FAILED in (.+)$").search(text):
        return verdict(doc, i, rule._replace(tool="gradle"), True, duration[1])
    prefix = text[: text.find("BUILD FAILED")]
    last, said, time = i, "", None
    for k, line in block(doc, i + 1, prefix, 30):
        if match := rx(r"^\s*Total time: (.+)$").match(line):
            time = match[1]
            break
        if rx(r"^(?:\S+:\d+: |The following error|\s+\S)").match(line):
            said, last = line.strip(), k
        elif line.strip() or k > last + 2:
            break
    outcome = verdict(doc, i, rule, True, time)
    if not said:
        return outcome
    place = rx(r"^(\S+?):(\d+): ").match(said)
    return [
        finding(
            doc, rule, i, last, said, file=place[1] if place else "",
            line=number(place[2]) if place else None,
        ),
        outcome,
    ]  # fmt: skip


def sbt(doc: Document, i: int, rule: Rule) -> Extracted:
    """A run of `[error]` lines that nothing else reads."""
    at = doc.texts[i].find("[error]")
    prefix = doc.texts[i][: max(at, 0)]
    if prefix.strip() and not rx(r"[\])|Z]\s*$").search(prefix):
        return None
    if i and bare(doc.texts[i - 1], prefix).startswith("[error]"):
        return None
    last, said = i, ""
    for k, line in block(doc, i, prefix, 60):
        if not line.startswith("[error]"):
            break
        body = line.removeprefix("[error]").strip()
        if rx(r"\.(?:scala|java|sbt):\d+|^at |^\(|^Total time").search(body):
            return None
        said = said or body
        last = k
    return finding(doc, rule, i, last, said) if said else None


def sbt_task(doc: Document, i: int, rule: Rule) -> Extracted:
    """`[error] (core / Compile / compile) Compilation failed`"""
    match = rx(r"\[error\] \(([^()]*(?:/|:|Key)[^()]*)\) (.+)$").search(doc.texts[i])
    return finding(doc, rule, i, i, match[2], name=match[1]) if match else None


def artifact(doc: Document, i: int, rule: Rule) -> Extracted:
    """A run of `Could not find/transfer artifact …` lines of Leiningen or tools.deps."""
    last = i
    for k, line in doc.forward(i + 1, 40):
        if not rx(
            r"Could not (?:find|transfer) artifact|Failed to (?:read|collect)|This could be due to|If you are behind a proxy"
        ).search(line):
            break
        last = k
    return finding(doc, rule, i, last, doc.texts[i].strip())


RULES: tuple[Rule, ...] = (
    Rule(
        "maven.goal", r"Failed to execute goal ", "maven", "build", extract=maven_goal, weight=25,
        examples=("[ERROR] Failed to execute goal org.a:b:1.0:test (default) on project app: boom",),
    ),
    Rule(
        "maven.pom", r"Some problems were encountered while processing the POMs|The build could not read \d+ project",
        "maven", "build", extract=maven_pom, weight=20,
        examples=("[ERROR] [ERROR] Some problems were encountered while processing the POMs:",),
    ),
    Rule(
        "maven.verdict", r"\bBUILD (?:FAILURE|SUCCESS)(?:\x1b\[[0-9;]*m)*\s*$", "maven", "build",
        extract=maven_verdict, weight=30,
        examples=("[INFO] BUILD FAILURE", "[INFO] BUILD SUCCESS"),
    ),
    Rule(
        "gradle.reason", r"\* What went wrong:", "gradle", "build", extract=gradle, weight=25,
        examples=("* What went wrong:",),
    ),
    Rule(
        "gradle.task", r"(?:> Task |^):\S+ (?:\x1b\[[0-9;]*m)*FAILED", "gradle", "build", extract=gradle_task, weight=12,
        examples=("> Task :app:compileJava FAILED",),
    ),
    Rule(
        "gradle.passed", r"BUILD SUCCESSFUL in ", "gradle", "build", extract=passed, weight=30,
        examples=("BUILD SUCCESSFUL in 3s",),
    ),
    Rule(
        "ant.failed", r"^(?:.{0,60}\s)?(?:\x1b\[[0-9;]*m)*BUILD FAILED\b", "ant", "build", extract=ant, weight=30,
        examples=("BUILD FAILED", "BUILD FAILED in 3s"),
    ),
    Rule(
        "sbt.task", r"\[(?:\x1b\[[0-9;]*m)*error(?:\x1b\[[0-9;]*m)*\] (?:\x1b\[[0-9;]*m)*\([^()]*[/:][^()]*\) ", "sbt", "build",
        extract=sbt_task, weight=25,
        examples=("[error] (core / Compile / compileIncremental) Compilation failed",),
    ),
    Rule(
        "sbt.total", r"\[(?:\x1b\[[0-9;]*m)*error(?:\x1b\[[0-9;]*m)*\] (?:\x1b\[[0-9;]*m)*Total time: ", "sbt", "build",
        extract=failed, weight=30,
        examples=("[error] Total time: 304 s, completed Jul 29, 2019 8:32:10 AM",),
    ),
    Rule(
        "sbt.error", r"\[(?:\x1b\[[0-9;]*m)*error(?:\x1b\[[0-9;]*m)*\] ", "sbt", "build", extract=sbt, weight=11,
        examples=("[error] boom",),
    ),
    Rule(
        "lein.artifact", r"Could not (?:find|transfer) artifact ", "maven", "build", extract=artifact, weight=18,
        examples=("Could not find artifact a:b:jar:0.2.4 in central (https://repo.example.org)",),
    ),
    Rule(
        "lein.task", r"Error encountered performing task '|Subprocess failed \(exit code", "lein", "build",
        weight=22, severity=Severity.ERROR,
        examples=("Error encountered performing task 'test' with profile(s): 'dev'",),
    ),
)  # fmt: skip
