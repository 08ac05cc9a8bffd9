"""Java, Kotlin, Scala, Groovy and Clojure stacks; the deepest `Caused by` is the root."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import block_end, finding, number, rx
from slipstream.tasks.summarization.extract.stack import (
    STACK_LINES,
    bare,
    block,
    deepest_own,
    log_header,
    ranges,
)
from slipstream.tasks.summarization.model import Cause, Extracted, Frame, Rule, Severity

_FRAME = (
    r"^\s*(?:\[\w+\]\s+)?at ((?:[\w.$-]+(?:@[\w.-]+)?/+)*[^\s()]+)"
    r"\(((?:[\w$.-]+\.(?:java|kt|kts|scala|groovy|clj|cljc|gradle)|[\w-]+)(?::(\d+))?|Native Method|"
    r"Unknown Source|<generated>|REPL|NO_SOURCE_FILE|Inlined \w+)\)(?: ~?\[[^\]]*\])?$"
)
_NAMED = r"(?<![\w$.])((?:[a-z_][\w$]*\.)+[A-Z][\w$]*|[A-Z]\w*(?:Exception|Error|Throwable))(?::\s?(.*))?$"
_LINK = r"^\s*(?:\[CIRCULAR REFERENCE:\s?)?(Caused by|Suppressed|Wrapped by): (.*)$"
_MORE = r"^\s*\.\.\. \d+ (?:more|common frames omitted|truncated|stack frames omitted)"
_RUNTIME = (
    "java.", "javax.", "jdk.", "sun.", "com.sun.", "kotlin.", "kotlinx.", "scala.", "groovy.",
    "org.codehaus.groovy.", "clojure.", "org.junit.", "junit.", "org.springframework.",
    "org.apache.", "org.gradle.", "org.hibernate.", "io.netty.", "org.mockito.", "org.testng.",
    "worker.org.gradle.", "reactor.", "akka.", "org.eclipse.jetty.", "com.intellij.rt.",
    "org.assertj.", "org.hamcrest.", "com.fasterxml.", "com.google.common.", "org.scalatest.",
    "org.jboss.", "io.micronaut.", "io.quarkus.", "io.vertx.", "okhttp3.", "rx.", "sbt.",
)  # fmt: skip
_MESSAGE_LINES = 12


def _frame(text: str) -> Frame | None:
    match = rx(_FRAME).match(text)
    if not match:
        return None
    function = match[1].rpartition("/")[2]
    file = match[2].partition(":")[0]
    return Frame(function, file, number(match[3]), not function.startswith(_RUNTIME))


def _named(text: str) -> tuple[str, str]:
    found = rx(_NAMED).search(text)
    return (found[1], found[2] or "") if found else ("", text.strip())


def _head(doc: Document, i: int, prefix: str) -> int | None:
    """Index of the line that names the exception whose first frame is line `i`."""
    for k, line in doc.back(i - 1, _MESSAGE_LINES) if i else ():
        text = bare(line, prefix)
        if rx(_FRAME).match(text) or rx(_MORE).match(text):
            return None
        if rx(_NAMED).search(text) or rx(_LINK).match(text):
            return k
        if not text.strip() and k < i - 4:
            break
    return i - 1 if i and bare(doc.texts[i - 1], prefix).strip() else None


def stack(doc: Document, i: int, rule: Rule) -> Extracted:
    """The exception that line `i` names or is the first frame of, with all it was caused by."""
    text = doc.texts[i]
    at = rx(r"(?<!\s)\s+at [^\s()]+\(").search(text)
    if at:
        prefix = text[: at.start()] if text[: at.start()].strip() else ""
        found = _head(doc, i, prefix)
        if found is None:
            return None
        head = found
    else:
        prefix = _prefix(doc, i)
        head = i
    first_frame = next(
        (k for k, line in block(doc, head + 1, prefix, _MESSAGE_LINES) if rx(_FRAME).match(line)),
        None,
    )
    if first_frame is None:
        if rule.name != "jvm.uncaught":
            return None
        last = block_end(doc, i, 4)
        return finding(doc, rule, i, last, text.strip(), severity=Severity.FATAL)
    message = bare(doc.texts[head], prefix).strip()
    links: list[tuple[str, int, str, list[tuple[int, Frame]]]] = [("", head, message, [])]
    last = first_frame
    for k, line in block(doc, first_frame, prefix, STACK_LINES):
        if found_frame := _frame(line):
            links[-1][3].append((k, found_frame))
        elif link := rx(_LINK).match(line):
            links.append(("cause" if link[1] != "Suppressed" else "inner", k, link[2], []))
        elif not rx(_MORE).match(line):
            # A message may have several lines; frames or a link must follow it soon.
            if not line.strip() and k == last + 1 and not _goes_on(doc, k + 1, prefix, 2):
                break
            if not _goes_on(doc, k + 1, prefix, 6 if links[-1][3] == [] else 0):
                break
            continue
        last = k
    first = log_header(doc, head)
    causes = [link for link in links[1:] if link[0] == "cause"]
    root = causes[-1] if causes else links[0]
    deepest = deepest_own(root[3], last_first=True) or deepest_own(links[0][3], last_first=True)
    shown = [(first, min(first_frame, head + 8)), (root[1], min(root[1] + 2, last))]
    if deepest:
        shown.append((deepest[0], deepest[0]))
    uncaught = "Exception in thread" in message
    code = _named(message)[0]
    return finding(
        doc, rule, first, last, message, code=code,
        severity=Severity.FATAL if uncaught and '"main"' in message else None,
        stack=tuple(f for _, f in links[0][3]),
        causes=tuple(
            Cause(relation, *_named(named), tuple(f for _, f in frames))
            for relation, _, named, frames in links[1:]
        ),
        file=deepest[1].file if deepest else "", line=deepest[1].line if deepest else None,
        focus=ranges(doc, shown),
    )  # fmt: skip


def _goes_on(doc: Document, i: int, prefix: str, limit: int) -> bool:
    if i >= len(doc) or not limit:
        return False
    return any(
        rx(_FRAME).match(line) or rx(_LINK).match(line) for _, line in block(doc, i, prefix, limit)
    )


def _prefix(doc: Document, head: int) -> str:
    """What stands before the frames below `head` on each line."""
    for _, line in doc.forward(head + 1, _MESSAGE_LINES):
        at = rx(r"(?<!\s)\s+at [^\s()]+\([^()]*\)").search(line)
        if at:
            before = line[: at.start()]
            return before if before.strip() else ""
    return ""


RULES: tuple[Rule, ...] = (
    Rule(
        "jvm.uncaught", r'Exception in thread "', "java", "log", extract=stack, weight=20,
        examples=('Exception in thread "main" java.lang.IllegalStateException: x',),
    ),
    Rule(
        "jvm.frame",
        r"\bat [\w.$/@<>-]+\((?:[\w$.-]+\.(?:java|kt|kts|scala|groovy|clj|cljc)(?::\d+)?|Native Method|"
        r"Unknown Source)\)",
        "java", "log", extract=stack, weight=19,
        examples=("\tat com.acme.App.main(App.java:12)",
                  "    at java.base/java.lang.Thread.run(Thread.java:840)"),
    ),
    Rule(
        "jvm.memory", r"java\.lang\.OutOfMemoryError|# A fatal error has been detected by the Java",
        "java", "log", Severity.FATAL, weight=12,
        examples=("java.lang.OutOfMemoryError: Java heap space",),
    ),
    Rule(
        "jvm.class", r"Error: (?:Could not find or load main class|Unable to access jarfile|"
        r"Main method not found in class|A JNI error has occurred)",
        "java", "log", weight=15,
        examples=("Error: Could not find or load main class App",),
    ),
)  # fmt: skip
