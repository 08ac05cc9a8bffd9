"""Linters whose findings take a block: shellcheck, phpcs, phpstan, psalm, sqlfluff, semgrep, hooks."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import HEAD
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.located import COLOR, or_error, severity_of
from slipstream.tasks.summarization.model import Extracted, Finding, Rule, Severity


def shellcheck(doc: Document, i: int, rule: Rule) -> Extracted:
    """`In x.sh line 3:`, the source, and one `^--^ SC2086 (info): …` for each remark."""
    at = rx(r"^(.{0,80}?)In (\S.{0,400}) line (\d+):$").match(doc.texts[i])
    if at is None:
        return None
    found: list[Finding] = []
    first = i
    for j, text in doc.forward(i + 1, 40):
        mark = text.find("^")
        m = (
            rx(r"\^-*\^?-* ?(SC\d{4})(?: \((\w+)\))?: (.+)$").match(text, mark)
            if mark >= 0
            else None
        )
        if m is None:
            if not text.strip() and found:
                break
            continue
        found.append(finding(
            doc, rule, first, j, m[3], severity=or_error(severity_of(m[2] or "")), file=at[2],
            line=number(at[3]), column=max(1, mark + 1 - len(at[1])), code=m[1],
        ))  # fmt: skip
        first = j + 1
    return found


def stopped(doc: Document, i: int, rule: Rule) -> Extracted:
    """eslint itself failed: `Oops! …`, its version, then what went wrong, up to a stack."""
    said, last = "", i
    for j, text in doc.forward(i + 1, 30):
        body = text.strip()
        if rx(r"^at \S").match(body):
            break
        if body and not rx(r"^(?:ESLint: [\d.]+|\(|https?://)").match(body):
            said = f"{said} {body}" if said.endswith(":") else said or body
        last = j if body else last
    return finding(doc, rule, i, last, said or doc.texts[i].strip())


def phpcs(doc: Document, i: int, rule: Rule) -> Extracted:
    """` 12 | ERROR | [x] message (Rule.Name)` below `FILE: /src/a.php`."""
    m = rx(r"^\s*(\d+) \| (ERROR|WARNING)\s*\| (?:\[.\] )?(.+)$").match(doc.texts[i])
    if m is None:
        return None
    file = ""
    for _, text in doc.back(i - 1, 400):
        head = rx(r"\s*FILE: (.+?)\s*$").match(text)
        if head:
            file = head[1]
            break
    if not file:
        return None
    message, last = m[3].strip(), i
    for j, text in doc.forward(i + 1, 6):
        more = rx(r"\s+\|\s+\|\s+(.+)$").match(text)
        if more is None:
            break
        message += " " + more[1].strip()
        last = j
    code = rx(r"^(.*) \(([\w.]+\.\w+)\)$").match(message)
    return finding(
        doc, rule, i, last, code[1] if code else message, severity=severity_of(m[2]), tool="phpcs", file=file,
        line=number(m[1]), code=code[2] if code else "",
    )  # fmt: skip


def phpstan(doc: Document, i: int, rule: Rule) -> Extracted:
    """The table below `  Line   src/Foo.php`; wrapped messages and `🪪  rule.name` belong to a row."""
    head = rx(r"^\s*Line\s+(\S+)").match(doc.texts[i])
    if head is None:
        return None
    found: list[Finding] = []
    for j, text in doc.forward(i + 2, 400):
        if rx(r"\s*-{3,} -{3,}").match(text) or (not text.strip() and found):
            break
        row = rx(r"\s+(\d+|:\d+)\s{2,}(\S.*)$").match(text)
        if row:
            found.append(finding(
                doc, rule, j, j, row[2].strip(), tool="phpstan", file=head[1], line=number(row[1].lstrip(":"))
            ))  # fmt: skip
        elif found and text.strip():
            rule_name = rx(r"\s*🪪\s+([\w.]+)").match(text)
            tip = rx(r"\s*(?:💡|✏️|at )").match(text)
            before = found.pop()
            message = before.message if rule_name or tip else f"{before.message} {text.strip()}"
            found.append(before._replace(
                span=(before.span[0], doc.numbers[j]), message=message,
                code=rule_name[1] if rule_name else before.code,
            ))  # fmt: skip
    return found


def psalm(doc: Document, i: int, rule: Rule) -> Extracted:
    """`ERROR: UndefinedMethod - src/a.php:12:5 - Method X does not exist (see …)`, the source."""
    m = rx(
        r"(ERROR|INFO|WARNING): (\w+) - (\S+?):(\d+):(\d+) - (.+?)(?: \(see https?://\S+\))?$"
    ).search(doc.texts[i])
    if m is None:
        return None
    shown = i + 1 < len(doc) and doc.texts[i + 1].strip()
    return finding(
        doc, rule, i, i + 1 if shown else i, m[6], severity=severity_of(m[1]), tool="psalm", file=m[3],
        line=number(m[4]), column=number(m[5]), code=m[2],
    )  # fmt: skip


def sqlfluff(doc: Document, i: int, rule: Rule) -> Extracted:
    """`L:   1 | P:   5 | LT01 | message` below `== [a.sql] FAIL`, wrapped."""
    m = rx(r"L: +(\d+) \| P: +(\d+) \| +(\w+) \| (.+)$").search(doc.texts[i])
    if m is None:
        return None
    file = ""
    for _, text in doc.back(i - 1, 400):
        head = rx(r".*== \[(.+?)\] FAIL").match(text)
        if head:
            file = head[1]
            break
    message, last = m[4].strip(), i
    for j, text in doc.forward(i + 1, 5):
        more = rx(r"\s{2,}\| +(.+)$").match(text)
        if more is None:
            break
        message += " " + more[1].strip()
        last = j
    return finding(
        doc,
        rule,
        i,
        last,
        message,
        tool="sqlfluff",
        file=file,
        line=number(m[1]),
        column=number(m[2]),
        code=m[3],
    )


def ansible_lint(doc: Document, i: int, rule: Rule) -> Extracted:
    """`name[missing]: All tasks should be named.` and, on the next line, `site.yml:3 Task/…`."""
    m = rx(r"^([a-z][\w-]*(?:\[[\w-]+\])?): (.+?)(?: \((warning)\))?$").match(doc.texts[i])
    if m is None or i + 1 >= len(doc):
        return None
    at = rx(r"([^\s:]+\.ya?ml):(\d+)(?::(\d+))?(?:\s|$)").match(doc.texts[i + 1])
    if at is None:
        return None
    return finding(
        doc, rule, i, i + 1, m[2], severity=Severity.WARNING if m[3] else Severity.ERROR, tool="ansible-lint",
        file=at[1], line=number(at[2]), column=number(at[3]), code=m[1],
    )  # fmt: skip


def semgrep(doc: Document, i: int, rule: Rule) -> Extracted:
    """`❯❯❱ rule.name`, the file above, the message and `12┆ code` below."""
    m = rx(r"^\s*(❯*❱) (\S+)").match(doc.texts[i])
    if m is None:
        return None
    file = ""
    for _, text in doc.back(i - 1, 60):
        head = rx(r"\s{2,6}(\S*[/.]\S*)\s*$").match(text)
        if head and "┆" not in text:
            file = head[1]
            break
    last, line, message = i, None, []
    for j, text in doc.forward(i + 1, 30):
        numbered = rx(r"\s*(\d+)┆").match(text)
        if numbered:
            line = line or number(numbered[1])
            last = j
        elif line or (not text.strip() and j > i + 12):
            break
        elif text.strip():
            message.append(text.strip())
    severity = Severity.ERROR if len(m[1]) >= 3 else Severity.WARNING
    return finding(
        doc, rule, i, last, " ".join(message[:3]) or m[2], severity=severity, tool="semgrep", file=file,
        line=line, code=m[2],
    )  # fmt: skip


def hook(doc: Document, i: int, rule: Rule) -> Extracted:
    """pre-commit: `ruff........Failed`, `- hook id: ruff`, `- exit code: 1`."""
    text = doc.texts[i]
    cut = text.find("...")
    if cut < 1 or i + 1 >= len(doc) or "- hook id" not in doc.texts[i + 1]:
        return None
    name, last = text[:cut].strip(), i
    for j, text in doc.forward(i + 1, 4):
        if not rx(r".*- (?:hook id|exit code|duration|files were modified)").match(text):
            break
        last = j
    modified = any("files were modified" in text for text in doc.texts[i : last + 1])
    message = f"hook failed: {name}" + (" (files were modified)" if modified else "")
    return finding(doc, rule, i, last, message, tool="pre-commit", name=name)


RULES: tuple[Rule, ...] = (
    Rule("shellcheck.block", rf"{HEAD}In \S.{{0,300}} line [0-9]+:\r?{COLOR}$", "shellcheck", "lint", Severity.ERROR, shellcheck, 21,
         examples=("In deploy.sh line 3:",)),
    Rule("eslint.stopped", r"Oops! Something went wrong! :\(", "eslint", "lint", Severity.ERROR, stopped, 21,
         examples=("Oops! Something went wrong! :(",)),
    Rule("phpcs.row", r"[0-9] \| (?:\x1b\[[0-9;]*m)*(?:ERROR|WARNING)", "phpcs", "lint", Severity.ERROR, phpcs, 20,
         examples=(" 12 | ERROR | [x] Missing file doc comment",)),
    Rule("phpstan.table", rf"^\s*{COLOR}Line\s+\S.{{0,300}}\.php", "phpstan", "lint", Severity.ERROR, phpstan, 20,
         examples=("  Line   src/Foo.php",)),
    Rule("psalm.issue", rf"(?:ERROR|INFO|WARNING){COLOR}: {COLOR}\w+{COLOR} - \S+:[0-9]+:[0-9]+ - ", "psalm", "lint", Severity.ERROR, psalm, 20,
         examples=("ERROR: UndefinedMethod - src/a.php:12:5 - Method X does not exist",)),
    Rule("sqlfluff.row", r"L: +[0-9]+ \| P: +[0-9]+ \| +\w+ \| ", "sqlfluff", "lint", Severity.ERROR, sqlfluff, 20,
         examples=("L:   1 | P:   5 | LT01 | Expected only single space",)),
    Rule("ansible-lint.block", rf"^{COLOR}[a-z][\w-]{{2,30}}{COLOR}(?:\[{COLOR}[\w-]+{COLOR}\])?{COLOR}: {COLOR}[A-Z]", "ansible-lint", "lint", Severity.ERROR,
         ansible_lint, 14, examples=("name[missing]: All tasks should be named.",)),
    Rule("semgrep.finding", r"(?:❯|^\s*)❱ \S+\.\S", "semgrep", "lint", Severity.ERROR, semgrep, 20,
         examples=("   ❯❯❱ python.lang.security.audit.eval",)),
    Rule("pre-commit.hook", r"\.{3,}.{0,60}Failed\r?(?:\x1b\[[0-9;]*m)*$", "pre-commit", "lint", Severity.ERROR, hook, 14,
         examples=("ruff.....................................................................Failed",)),
)  # fmt: skip
