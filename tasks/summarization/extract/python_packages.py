"""pip, uv, poetry, conda, tox, nox, pre-commit: what could not be resolved, built or run."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.stack import bare, block, ranges
from slipstream.tasks.summarization.extract.step import indented, paragraph
from slipstream.tasks.summarization.model import Extracted, Finding, Rule, Severity, Tally


def subprocess(doc: Document, i: int, rule: Rule) -> Extracted:
    """`error: subprocess-exited-with-error`: the boxed output up to `[end of output]`."""
    at = doc.texts[i].find("error: subprocess-exited")
    prefix = doc.texts[i][: max(at, 0)].rstrip(" ")
    last, said, name, error = i, "", "", ""
    inside, place = False, None
    for k, line in block(doc, i + 1, prefix, 400):
        body = line.strip()
        if body.startswith("\N{MULTIPLICATION SIGN} "):
            said = body[2:]
            if found := rx(r"for (\S+)|wheel for (\S+)").search(said):
                name = found[1] or found[2]
        if "lines of output]" in body:
            inside = True
        elif inside and not place:
            place = rx(r"^([^\s:]+\.\w+):(\d+):(?:(\d+):)? (?:fatal )?error: (.+)$").match(body)
            if place:
                error = place[4]
            elif rx(r"^(?:\S+: )?(?:fatal error|error|\w*Error|ERROR)\b.*:? \S").match(body):
                error = body
        if "[end of output]" in body:
            last = k
            break
        if body.startswith(("note: This error originates", "See above for output")) or (
            not inside and k > i + 8
        ):
            break
        last = k if body else last
    for k, line in block(doc, last + 1, prefix, 6):
        if rx(r"^\s*(?:note: |ERROR: Failed|error: metadata|hint: )").match(line):
            last = k
            if match := rx(r"Failed building wheel for (\S+)").search(line):
                name = match[1]
        elif line.strip():
            break
    return finding(
        doc, rule, i, last, error or said or doc.texts[i].strip(), name=name,
        code="subprocess-exited-with-error", file=place[1] if place else "",
        line=number(place[2]) if place else None, column=number(place[3]) if place else None,
        focus=ranges(doc, [(i, min(i + 3, last)), (max(i, last - 12), last)]),
    )  # fmt: skip


def pip(doc: Document, i: int, rule: Rule) -> Extracted:
    """pip's `ERROR: …` lines that belong together, and `The conflict is caused by:`."""
    text = doc.texts[i]
    prefix = text[: text.index("ERROR: ")] if "ERROR: " in text else ""
    last = i
    for k, line in block(doc, i + 1, prefix, 30):
        if not rx(
            r"^(?:ERROR: (?:No matching|ResolutionImpossible|Could not find)|The conflict is caused|    \S|$|To fix this|\d\. )"
        ).match(line):
            break
        if line.strip():
            last = k
    severity = Severity.WARNING if "pip's dependency resolver does not" in text else None
    message = bare(text, prefix).removeprefix("ERROR: ").strip()
    return finding(doc, rule, i, last, message, severity=severity)


def conda(doc: Document, i: int, rule: Rule) -> Extracted:
    """`PackagesNotFoundError: …` or `UnsatisfiableError` with the list of packages."""
    at = rx(r"(?<!\w)[A-Z]\w*(?:Error|NotFound): ?").search(doc.texts[i])
    prefix = doc.texts[i][: at.start()] if at else ""
    last, blanks = i, 0
    for k, line in block(doc, i + 1, prefix, 60):
        body = line.strip()
        blanks = 0 if body else blanks + 1
        if blanks > 1 or rx(r"^(?:Current channels|To search for|and use the|\$ |##\[)").match(
            body
        ):
            break
        if (
            body
            and k > i + 1
            and not rx(
                r"^(?:-|\s|[\w.-]+ ?(?:->|=|\[)|The following|Package |Output|Note|Your |\S+ \|)"
            ).match(line)
        ):
            break
        last = k if body else last
    return finding(
        doc, rule, i, last, bare(doc.texts[i], prefix).strip(), code=at[0].strip(" :") if at else ""
    )


def uv(doc: Document, i: int, rule: Rule) -> Extracted:
    """uv's reason below the error: `╰─▶ Because …`, `cause: …`, or a build's own last line."""
    last, reason, output = i, "", False
    for k, line in doc.forward(i + 1, 200):
        body = line.strip()
        if not line.startswith("  ") and body:
            break
        if not body:
            continue
        if match := rx(r"(?:\u2500\u25b6|^\s+[Cc]ause(?:d by)?:) (.+)$").search(line):
            reason = reason or match[1]
        output = output or body in ("[stderr]", "[stdout]")
        last = k
    if output:
        reason = doc.texts[last].strip()
    shown = [(i, min(i + 4, last)), (max(i, last - 8), last)]
    return finding(
        doc, rule, i, last, reason or doc.texts[i].strip(" \N{MULTIPLICATION SIGN}"),
        focus=ranges(doc, shown),
    )  # fmt: skip


def hook(doc: Document, i: int, rule: Rule) -> Extracted:
    """pre-commit: `name....Failed`, `- hook id:`, and the hook's output up to the next hook."""
    text = doc.texts[i]
    name, _, rest = text.partition("...")
    last = i
    identity = ""
    for k, line in doc.forward(i + 1, 60):
        if "..." in line and line.rstrip().endswith(("Passed", "Failed", "Skipped")):
            break
        if match := rx(r"^- hook id: (\S+)").match(line):
            identity = match[1]
        last = k if line.strip() else last
    if not identity:
        return None
    head = min(last, i + 4)
    result: list[Finding | Tally] = [
        finding(
            doc,
            rule,
            i,
            head,
            f"{name.strip() if 'Failed' in rest else text.strip()}: failed",
            name=identity,
        )
    ]
    if last > head:
        result.append(
            finding(
                doc, rule, head + 1, last, doc.texts[head + 1].strip() or doc.texts[last].strip(),
                name=identity, weight=12,
            )
        )  # fmt: skip
    return result


RULES: tuple[Rule, ...] = (
    Rule(
        "pip.subprocess", r"error: subprocess-exited-with-error", "pip", "build", extract=subprocess,
        weight=25,
        examples=("  error: subprocess-exited-with-error",),
    ),
    Rule(
        "pip.error",
        r"ERROR: (?:Could not find a version|No matching distribution|Cannot install|ResolutionImpossible|"
        r"Could not install packages|Could not open requirements|Invalid requirement|Package '|"
        r"Failed to build installable|Failed building wheel|Could not build wheels|Failed to build |pip's dependency resolver|.* is not a supported wheel|"
        r"Command errored out|THESE PACKAGES DO NOT MATCH|HTTP error|Ignored the following)",
        "pip", "build", extract=pip, weight=20,
        examples=("ERROR: Could not find a version that satisfies the requirement x (from versions: none)",
                  "ERROR: No matching distribution found for x"),
    ),
    Rule(
        "pip.old", r"Could not find a version that satisfies the requirement|No matching distribution found for|"
        r"Failed building wheel for |Command \".*\" failed with error code|"
        r"error: command '[^']+' failed(?: with)?|error: Microsoft Visual C\+\+ \S+ (?:or greater )?is required|"
        r"error: externally-managed-environment|DistributionNotFound: |VersionConflict: |"
        r"pkg_resources\.\w+(?:Not\w+|Conflict): ",
        "pip", "build", weight=14,
        examples=("error: command 'gcc' failed with exit status 1",),
    ),
    Rule(
        "pip.check", r"^\S+ \S+ requires \S+, which is not installed|^\S+ \S+ has requirement .+, but you(?:'ll)? have",
        "pip", "build", weight=14,
        examples=("first 1.0 requires shared, which is not installed.",),
    ),
    Rule(
        "uv.solution", r"No solution found when resolving|The build backend returned an error|Failed to (?:build|download|fetch|resolve|prepare) `|"
        r"error: Failed to (?:parse|spawn|install|prepare|resolve|build|fetch|download)",
        "uv", "build", extract=uv, weight=21,
        examples=("  x No solution found when resolving dependencies:", "error: Failed to spawn: `foo`"),
    ),
    Rule(
        "poetry.solution", r"version solving failed|SolverProblemError|lock file is not (?:up to date|compatible)|"
        r"pyproject\.toml changed significantly since|Poetry could not find a pyproject|"
        r"Unable to find installation candidates for",
        "poetry", "build", extract=paragraph, weight=16,
        examples=("Because a depends on b (^1) which doesn't match any versions, version solving failed.",),
    ),
    Rule(
        "conda.error",
        r"(?:PackagesNotFoundError|ResolvePackageNotFound|UnsatisfiableError|LibMambaUnsatisfiableError|"
        r"CondaHTTPError|CondaValueError|EnvironmentLocationNotFound|EnvironmentNameNotFound|InvalidArchiveError|"
        r"SpecsConfigurationConflictError|CondaVerificationError|DirectoryNotACondaEnvironmentError):",
        "conda", "build", extract=conda, weight=20,
        examples=("PackagesNotFoundError: The following packages are not available from current channels:",),
    ),
    Rule(
        "tox.command", r"ERROR: InvocationError|ERROR: +\S+: (?:commands|InterpreterNotFound|invocation)|"
        r"^\s*[\w.-]+: exit -?\d+ \(|nox > Command .* failed with exit code|nox > Session \S+ failed",
        "tox", "build", weight=22,
        examples=("ERROR: InvocationError for command /usr/bin/pytest (exited with code 1)",
                  "py311: exit 1 (0.41 seconds) /srv> pytest", "nox > Session tests failed."),
    ),
    Rule(
        "precommit.hook", r"\.{3,}(?:\([^)]*\))?(?:\x1b\[[0-9;]*m)*Failed(?:\x1b\[[0-9;]*m)*\s*$", "pre-commit", "lint", extract=hook, weight=14,
        examples=("trim trailing whitespace.................................................Failed",),
    ),
    Rule(
        "python.package", r"ModuleNotFoundError: No module named|ImportError: cannot import name|"
        r"ImportError: lib\S+: cannot open shared object",
        "python", "log", weight=9, extract=indented,
        examples=("ModuleNotFoundError: No module named 'x'",),
    ),
)  # fmt: skip
