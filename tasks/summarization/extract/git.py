"""git: status, logs, statistics; conflicts, rejections and refusals."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.diff import CONTENT
from slipstream.tasks.summarization.extract.stack import bare, block, ranges
from slipstream.tasks.summarization.model import Extracted, Place, Rule, Severity, Tally

_SECTIONS = {
    "Changes to be committed:": "staged",
    "Changes not staged for commit:": "not staged",
    "Changed but not updated:": "not staged",
    "Untracked files:": "untracked",
    "Unmerged paths:": "unmerged",
    "Ignored files:": "ignored",
}
_STATES = ("staged", "staged and not staged", "not staged", "unmerged", "untracked", "ignored")
_SHORT = r"^(?:[ MTADRCU?!]{2}) \S"
_STAT = r"^ (\S.*?)\s+\| +(?:(\d+) ?([+-]*)|Bin.*|Unmerged)$"
SUBJECTS = 50
"""Commits whose subjects come before all else, the newest ones."""
_TOTAL = r"^ ?(\d+) files? changed(?:, (\d+) insertions?\(\+\))?(?:, (\d+) deletions?\(-\))?"


def status(doc: Document, i: int, rule: Rule) -> Extracted:
    """`git status`: one finding, with the files of each section counted."""
    counts: dict[str, int] = {}
    unmerged: list[str] = []
    last, section = i, ""
    shown = [(i, i)]
    for k, line in doc.forward(i, 100_000):
        body = line.strip()
        if body in _SECTIONS:
            section = _SECTIONS[body]
            shown.append((k, k))
        elif line.startswith(("\t", "#\t")) and section:
            counts[section] = counts.get(section, 0) + 1
            if section == "unmerged" and len(unmerged) < 10:
                unmerged.append(body.partition(":")[2].strip() or body)
            if counts[section] <= 10:
                shown.append((k, k))
        elif body and not rx(
            r"^(?:On branch|HEAD detached|Your branch|(?:interactive )?rebase in progress|Not currently on|Initial commit|No commits yet|"
            r"\(use |\(create|\(fix |\(all |and have|You are |You have|no changes|nothing|Last command|Next command|"
            r"No commands|(?:pick|reword|edit|squash|fixup|exec|drop|merge|label|reset|break)\b|# |Submodule|It took)"
        ).match(body):
            break
        if body:
            last = k
    branch = doc.texts[i].strip().removeprefix("On branch ")
    said = ", ".join(f"{count} {name}" for name, count in counts.items()) or "nothing to commit"
    severity = Severity.WARNING if unmerged else Severity.INFO
    if unmerged:
        said += f" (unmerged: {', '.join(unmerged)})"
    return [
        finding(
            doc,
            rule,
            i,
            last,
            f"{branch}: {said}",
            severity=severity,
            file=unmerged[0] if unmerged else "",
            focus=ranges(doc, shown),
        ),
        Tally(rule.tool, rule.kind, doc.numbers[i], None, tuple(counts.items()), None, branch),
    ]


def short(doc: Document, i: int, rule: Rule) -> Extracted:
    """`git status --short`: all of the output, if all of it is of this form."""
    header = 1 if doc.texts[0].startswith("## ") else 0
    if not all(rx(_SHORT).match(line) for line in doc.texts[header:i]):
        return None
    i = min(i, header)
    asked = "status" in doc.command
    counts: dict[str, int] = {}
    last = i
    for k, line in doc.forward(i, 100_000):
        if k == 0 and header:
            continue
        if not rx(_SHORT).match(line):
            if not asked and k - i < 2:
                return None
            break
        index, tree = line[0], line[1]
        name = (
            "untracked" if index == "?" else "ignored" if index == "!"
            else "unmerged" if "U" in line[:2] or line[:2] in ("AA", "DD")
            else "not staged" if index == " " else "staged and not staged" if tree != " " else "staged"
        )  # fmt: skip
        counts[name] = counts.get(name, 0) + 1
        last = k
    if not counts or (not asked and last + 1 < len(doc)):
        return None
    counts = {name: counts[name] for name in _STATES if name in counts}
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    return [
        finding(doc, rule, 0, last, said),
        Tally(rule.tool, rule.kind, doc.numbers[0], None, tuple(counts.items())),
    ]


def statistics(doc: Document, i: int, rule: Rule) -> Extracted:
    """`3 files changed, 4 insertions(+), 2 deletions(-)` with the lines of the files above."""
    total = rx(_TOTAL).match(doc.texts[i])
    if not total:
        return None
    first = i
    for k, line in doc.back(i - 1, 100_000) if i else ():
        if not rx(_STAT).match(line):
            break
        first = k
    names = ("files", "added", "deleted")
    counts = tuple((name, int(total[n] or 0)) for n, name in enumerate(names, 1))
    outcome = Tally(rule.tool, rule.kind, doc.numbers[i], None, counts)
    return [
        finding(
            doc, rule, first, i, doc.texts[i].strip(), severity=Severity.INFO,
            focus=ranges(doc, [(first, min(first + 20, i)), (i, i)]),
        ),
        outcome,
    ]  # fmt: skip


def log(doc: Document, i: int, rule: Rule) -> Extracted:
    """`git log`, `git show`: one finding for the run of commits, with their number and authors.

    The diff of a single commit is left to the reader of diffs; of several, its lines are counted.
    """
    commits, authors, dates, shown = 0, set[str](), list[str](), list[tuple[int, int]]()
    files = added = deleted = 0
    last, want, begins = i, False, i
    for k, line in doc.forward(i, 1_000_000):
        if rx(r"^commit [0-9a-f]{7,64}\b").match(line):
            commits += 1
            want, begins = True, k
        elif line.startswith("diff --") and commits == 1 and not _more_commits(doc, k):
            break
        elif line.startswith("diff --"):
            files += 1
        elif line.startswith(("+", "-")):
            added += line[0] == "+" and not line.startswith("+++ ")
            deleted += line[0] == "-" and not line.startswith("--- ")
        elif line.startswith("Author: "):
            authors.add(line[8:].strip())
        elif line.startswith(("Date: ", "AuthorDate: ")):
            dates.append(line.partition(":")[2].strip())
        elif line.startswith("    ") and want and line.strip():
            want = False
            if commits <= SUBJECTS:
                shown.append((begins, k))
        elif total := rx(_TOTAL).match(line):
            files, added, deleted = (
                old + int(total[n] or 0) for n, old in enumerate((files, added, deleted), 1)
            )
        elif line and not rx(
            r"^(?:    | |Merge: |Commit|gpg: |Notes|index |[@\\]|\d+\t|:\d{6} |[AMDR]\d*\t|new |deleted |similarity|rename |old )"
        ).match(line):
            break
        last = k if line.strip() else last
    message = f"{_many(commits, 'commit')} by {_many(len(authors), 'author')}"
    whole = k + 1 == len(doc) or doc.numbers[k + 1] == doc.numbers[k] + 1
    if not whole:  # the log goes on in lines that were not kept
        message = f"at least {message}"
    counts = [("commits", commits), ("authors", len(authors))]
    if files:
        message += f", {_many(files, 'file')} changed, +{added} -{deleted}"
        counts += [("files", files), ("added", added), ("deleted", deleted)]
    if dates:
        message += f", {dates[-1]} to {dates[0]}" if dates[1:] else f", {dates[0]}"
    told = [Tally(rule.tool, rule.kind, doc.numbers[i], None, tuple(counts))] if whole else []
    return [finding(doc, rule, i, last, message, focus=ranges(doc, shown)), *told]


def _more_commits(doc: Document, i: int) -> bool:
    return any(rx(r"^commit [0-9a-f]{40}\b").match(line) for _, line in doc.forward(i, 1_000_000))


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def oneline(doc: Document, i: int, rule: Rule) -> Extracted:
    """`git log --oneline`, if the log begins so."""
    if i or not {"log", "reflog", "--oneline"} & set(doc.command):
        return None
    last: int = i
    for k, line in doc.forward(i, 1_000_000):
        if not rx(r"^[*|\\/ ]*[0-9a-f]{7,40} |^[*|\\/_ ]+$").match(line):
            break
        last = k
    commits = last - i + 1
    return [
        finding(
            doc,
            rule,
            i,
            last,
            _many(commits, "commit"),
            focus=ranges(doc, [(i, min(i + 20, last))]),
        ),
        Tally(rule.tool, rule.kind, doc.numbers[i], None, (("commits", commits),)),
    ]


def conflict(doc: Document, i: int, rule: Rule) -> Extracted:
    """`CONFLICT (content): Merge conflict in file`"""
    match = rx(r"CONFLICT \(([^)]+)\): (.*)$").search(doc.texts[i])
    if not match:
        return None
    file = rx(r"(?:conflict in|^)\s*(\S+)(?: deleted| renamed| added|$)").search(match[2])
    return finding(
        doc, rule, i, i, match[0], code=match[1], file=file[1] if file else "",
        name=file[1] if file else "",
    )  # fmt: skip


def merge_failed(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Automatic merge failed`, `could not apply …`, with the hints below."""
    text = doc.texts[i]
    last = _hints(doc, i, "")
    verdict = Tally(rule.tool, rule.kind, doc.numbers[i], True, (), None, text.strip())
    return [finding(doc, rule, i, last, text.strip()), verdict]


def _hints(doc: Document, i: int, prefix: str) -> int:
    last = i
    for k, line in block(doc, i + 1, prefix, 20):
        if not rx(
            r"^(?:hint: |hint:$|Please |and the repository|Could not apply|and then run|Recorded|Use |\(use )"
        ).match(line):
            break
        last = k
    return last


def refused(doc: Document, i: int, rule: Rule) -> Extracted:
    """`fatal: …` or `error: …` of git, with listed files and hints below."""
    text = doc.texts[i]
    match = rx(r"(?:^|[\s\])|])((?:fatal|error): .+)$").search(text)
    if not match:
        return None
    prefix = text[: match.start(1)]
    last = i
    for k, line in block(doc, i + 1, prefix, 30):
        if not rx(
            r"^(?:\t|hint:|Please |and the repository|Aborting|Merge with strategy|error: \S+: patch does not apply|\s+git |Use '--'|'git <command>|To add an exception|$)"
        ).match(line):
            break
        last = k if line.strip() else last
    first = i
    for k, line in doc.back(i - 1, 20) if i else ():
        if not bare(line, prefix).startswith("hint:"):
            break
        first = k
    place = rx(r"patch failed: (\S+?):(\d+)").search(text)
    listed = [doc.texts[k].strip() for k in range(i + 1, last + 1) if "\t" in doc.texts[k][:9]]
    return finding(
        doc, rule, first, last, match[1].strip(),
        file=place[1] if place else listed[0] if listed else "",
        line=number(place[2]) if place else None,
        places=tuple(Place(file, None, None, doc.numbers[i]) for file in listed[1:]),
        focus=ranges(doc, [(i, i)]),
    )  # fmt: skip


def rejected(doc: Document, i: int, rule: Rule) -> Extracted:
    """` ! [rejected] main -> main (fetch first)` from `To url` to the last hint."""
    text = doc.texts[i]
    match = rx(r"! \[(remote )?rejected\]\s+(.+)$").search(text)
    if not match:
        return None
    prefix = text[: match.start()].rstrip(" ")
    first, last = i, i
    for k, line in doc.back(i - 1, 12) if i else ():
        body = bare(line, prefix)
        if not rx(r"^(?:To |remote: |\s?!)").match(body):
            break
        first = k
    for k, line in block(doc, i + 1, prefix, 20):
        if not rx(r"^(?:\s?! \[|error: failed to push|hint: |hint:$)").match(line):
            break
        last = k
    reason = rx(r"\(([^()]+)\)\s*$").search(match[2])
    remote = [bare(doc.texts[k], prefix).removeprefix("remote:").strip() for k in range(first, i)]
    said = next((m[1] for text in remote if (m := rx(r"(?i)\berror: (.+)$").search(text))), "")
    message = match[0].strip()
    return [
        finding(
            doc, rule, first, last, f"{message}: {said}" if said else message,
            code=reason[1] if reason else "",
            focus=ranges(doc, [(i, min(i + 4, last))]),
        ),
        Tally(rule.tool, rule.kind, doc.numbers[i], True, (), None, "push rejected"),
    ]  # fmt: skip


RULES: tuple[Rule, ...] = (
    Rule(
        "git.status", r"^(?:On branch \S|HEAD detached (?:at|from) |Not currently on any branch|(?:interactive )?rebase in progress; onto )", "git",
        "git", Severity.INFO, status, 20, examples=("On branch main",),
    ),
    Rule(
        "git.short", r"^(?:\?\?| M| D|UU|AA|DU|UD) ", "git", "git", Severity.INFO, short, 10,
        examples=(" M a.py", "?? b.py"),
    ),
    Rule(
        "git.statistics", r"^ ?\d+ files? changed", "git", "git", Severity.INFO, statistics, 20,
        examples=(" 3 files changed, 4 insertions(+), 2 deletions(-)",),
    ),
    Rule(
        "git.log", r"^(?:\x1b\[[0-9;]*m)*commit [0-9a-f]{40}", "git", "git", Severity.INFO, log, CONTENT,
        examples=("commit 0123456789abcdef0123456789abcdef01234567",),
    ),
    Rule(
        "git.oneline", r"^(?:\* )?(?:\x1b\[[0-9;]*m)*[0-9a-f]{7,12}(?:\x1b\[[0-9;]*m)* \S", "git", "git", Severity.INFO, oneline, 10,
        examples=("0123456 Add a thing",),
    ),
    Rule(
        "git.conflict", r"CONFLICT \(", "git", "git", extract=conflict, weight=20,
        examples=("CONFLICT (content): Merge conflict in a.py",),
    ),
    Rule(
        "git.merge", r"Automatic merge failed|error: could not (?:apply|revert) [0-9a-f]|"
        r"error: Failed to merge in the changes|Patch failed at \d+|Merging is not possible because|"
        r"error: (?:[Cc]ommit|[Mm]erg|[Pp]ull|[Cc]herry-pick|[Rr]evert)\S* is not possible because|Cannot rebase|could not detach HEAD", "git", "git",
        extract=merge_failed, weight=22,
        examples=("Automatic merge failed; fix conflicts and then commit the result.",),
    ),
    Rule(
        "git.refused", r"(?:^|[\s\])|])(?:\x1b\[[0-9;]*m)*fatal: |error: (?:Your local changes|The following untracked|pathspec '|failed to push|"
        r"patch failed|RPC failed|unable to|cannot (?:lock|rebase|pull|checkout)|src refspec|No such remote|"
        r"insufficient permission|object file|remote|couldn't|Pulling is not possible|"
        r"the branch|Entry '|bad signature|index file|corrupt patch|\S+: (?:patch does not apply|does not exist in index|already exists))|"
        r"Permission denied \(publickey",
        "git", "git", extract=refused, weight=12,
        examples=("fatal: not a git repository (or any of the parent directories): .git",
                  "error: pathspec 'x' did not match any file(s) known to git"),
    ),
    Rule(
        "git.rejected", r"! \[(?:remote )?rejected\]", "git", "git", extract=rejected, weight=22,
        examples=(" ! [rejected]        main -> main (fetch first)",),
    ),
    Rule(
        "git.moved", r"^ [ +*=-] (?:[0-9a-f]{7,40}\.{2,3}[0-9a-f]{7,40}|\[(?:new (?:branch|tag)|deleted|up to date)\]) +\S+ +-> ",
        "git", "git", Severity.INFO, weight=10,
        examples=("   0123456..89abcde  main -> main",),
    ),
    Rule(
        "git.check", r":\d+: (?:leftover conflict marker|trailing whitespace\.|new blank line at EOF|space before tab in indent)",
        "git", "git", weight=14,
        examples=("a.py:3: leftover conflict marker",),
    ),
)  # fmt: skip
