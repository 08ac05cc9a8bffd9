"""make, ninja, autotools, meson, scons, waf, xcodebuild: the failing step and what stopped it."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.stack import bare, block, ranges
from slipstream.tasks.summarization.extract.step import verdict
from slipstream.tasks.summarization.model import Extracted, Rule, Severity

_STEP = (
    r"(?<!\w)((?:\w+-)?g?make(?:\.exe)?(?:\[\d+\])?: \*\*\* )"
    r"(?:\[(?:([^\s:]+?):(\d+): )?([^\]]+)\] (?!.*\(ignored\))(.+)|(No rule to make target .+|No targets.+|.+Stop\.?))$"
)
_CHAIN = (
    r"^(?:\w+-)?g?make(?:\.exe)?(?:\[\d+\])?: "
    r"(?:\*\*\* |Leaving directory|Target .* not remade|Entering directory)"
)


def step(doc: Document, i: int, rule: Rule) -> Extracted:
    """`make: *** [target] Error 1` with the makes above it that fail in turn; innermost first."""
    found = rx(_STEP).search(doc.texts[i])
    if not found:
        return None
    prefix = doc.texts[i][: found.start()]
    last, failing = i, [i]
    for k, line in block(doc, i + 1, prefix, 60):
        if not rx(_CHAIN).match(line):
            break
        if "***" in line and rx(_STEP).search(line):
            failing.append(k)
            last = k
    file, line_number = found[2] or "", number(found[3])
    return [
        finding(
            doc, rule, i, last, found[0].strip(), name=found[4] or "", file=file, line=line_number,
            severity=Severity.FATAL if rx(r"^(?:Killed|Segmentation)").match(found[5] or "") else None,
            focus=ranges(doc, [(i, i), (last, last)]),
        ),
        verdict(doc, last, rule, True),
    ]  # fmt: skip


def makefile(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Makefile:3: *** missing separator.  Stop.`"""
    found = rx(r"(?<!\S)(\S+):(\d+): (\*\*\* .+)$").search(doc.texts[i])
    if not found:
        return None
    return [
        finding(doc, rule, i, i, found[0], file=found[1], line=number(found[2])),
        verdict(doc, i, rule, True),
    ]


def ninja_failed(doc: Document, i: int, rule: Rule) -> Extracted:
    """`FAILED: x.o`, the command below, and its output unless a compiler's rule reads that."""
    found = rx(r"FAILED: (?:\[code=\d+\] )?(\S.*)$").search(doc.texts[i])
    if not found:
        return None
    prefix = doc.texts[i][: found.start()]
    if prefix.strip() and prefix.strip()[-1:] not in ("]", ")", "|", ":", "Z", "*"):
        return None
    last, known = i, False
    for k, line in block(doc, i + 1, prefix, 25):
        if rx(r"^\s*(?:\[\s*)?\d+(?:/\d+|%)|^ninja: |^FAILED: ").match(line) or not line.strip():
            break
        known = known or bool(
            rx(r":\d+.*\b(?:error|warning)\b|\berror:|undefined reference").search(line)
        )
        last = k
    end = min(i + 1, last) if known else last
    return finding(
        doc, rule, i, end, found[0].strip(), name=found[1].strip(), weight=15,
        focus=ranges(doc, [(i, i), (max(i, end - 5), end)]),
    )  # fmt: skip


def stopped(doc: Document, i: int, rule: Rule) -> Extracted:
    """The line with which a build says that it ends in failure."""
    return verdict(doc, i, rule, True, note=doc.texts[i].strip())


def configure(doc: Document, i: int, rule: Rule) -> Extracted:
    """`configure: error: …` with the check that failed above and the lines of the message."""
    found = rx(r"(?:configure|config\.status|\S*configure(?:\.ac|\.in)?:\d+): (?:\S+ )?error: (.*)$").search(
        doc.texts[i]
    )  # fmt: skip
    if not found:
        return None
    prefix = doc.texts[i][: found.start()]
    first = i
    for k, line in doc.back(i - 1, 3) if i else ():
        text = bare(line, prefix)
        if not rx(r"^checking .*(?:no|not found|failed|missing)\s*$|^configure: ").match(text):
            break
        first = k
    last = i
    for k, line in block(doc, i + 1, prefix, 12):
        if not line.strip() or not rx(
            r"^(?:\s|See |Please |You |The |If |Alternatively|Consider|to |or )"
        ).match(line):
            break
        last = k
    place = rx(r"(\S*configure(?:\.ac|\.in)?):(\d+):").search(found[0])
    return finding(
        doc, rule, first, last, found[0].strip(),
        file=place[1] if place else "", line=number(place[2]) if place else None,
        focus=ranges(doc, [(i, i)]),
    )  # fmt: skip


def meson(doc: Document, i: int, rule: Rule) -> Extracted:
    """`meson.build:3:0: ERROR: …`"""
    found = rx(r"(\S*meson\S*\.(?:build|txt|options)):(\d+):(\d+): (ERROR|WARNING): (.+)$").search(
        doc.texts[i]
    )
    if not found:
        return None
    return finding(
        doc, rule, i, i, found[0], file=found[1], line=number(found[2]), column=number(found[3]),
        severity=Severity.WARNING if found[4] == "WARNING" else None,
    )  # fmt: skip


def xcode(doc: Document, i: int, rule: Rule) -> Extracted:
    """`The following build commands failed:` and its indented list."""
    last, name = i, ""
    for k, line in doc.forward(i + 1, 30):
        if not rx(r"^(?:\t|    |\(\d+ failures?\))").match(line):
            break
        name = name or line.strip()
        last = k
    return finding(doc, rule, i, last, doc.texts[i].strip(), name=name)


RULES: tuple[Rule, ...] = (
    Rule(
        "make.step", r"make(?:\.exe)?(?:\[\d+\])?: \*\*\* (?:\[|No |.*Stop\.)", "make", "build", extract=step,
        weight=30,
        examples=("make: *** [Makefile:3: all] Error 1", "make[2]: *** [a.o] Error 1",
                  "make: *** No rule to make target 'x'.  Stop."),
    ),
    Rule(
        "make.makefile", r"\d: \*\*\* .+Stop\.", "make", "build", extract=makefile, weight=30,
        examples=("Makefile:3: *** missing separator.  Stop.",),
    ),
    Rule(
        "make.bsd", r"\*\*\* (?:\[\S+\] )?Error code \d+|NMAKE : fatal error|mingw32-make: \*\*\*",
        "make", "build", extract=None, weight=30,
        examples=("*** Error code 1", "NMAKE : fatal error U1077: 'cl' : return code '0x2'"),
    ),
    Rule(
        "ninja.failed", r"FAILED: \S", "ninja", "build", extract=ninja_failed, weight=15,
        examples=("FAILED: CMakeFiles/app.dir/main.c.o",),
    ),
    Rule(
        "ninja.error", r"ninja: (?:error|fatal): ", "ninja", "build", weight=25,
        examples=("ninja: error: 'x.c', needed by 'x.o', missing and no known rule to make it",),
    ),
    Rule(
        "ninja.stopped", r"ninja: build stopped: ", "ninja", "build", extract=stopped, weight=30,
        examples=("ninja: build stopped: subcommand failed.",),
    ),
    Rule(
        "autotools.error",
        r"(?:configure|config\.status): error: |configure(?:\.ac|\.in)?:\d+: error: ",
        "configure", "build", extract=configure, weight=20,
        examples=("configure: error: no acceptable C compiler found in $PATH",
                  "configure.ac:3: error: possibly undefined macro: AC_FOO"),
    ),
    Rule(
        "autotools.tool", r"(?:autoreconf|automake|aclocal|libtoolize|autoconf|libtool)\S*: (?:error: |.*failed with exit status)",
        "autotools", "build", weight=18,
        examples=("autoreconf: error: automake failed with exit status: 1",),
    ),
    Rule(
        "meson.error", r"meson\S*\.(?:build|txt|options):\d+:\d+: ERROR: ", "meson", "build",
        extract=meson, weight=20,
        examples=('meson.build:3:0: ERROR: Dependency "zlib" not found',),
    ),
    Rule(
        "scons.step", r"scons: \*\*\* ", "scons", "build", weight=25,
        examples=("scons: *** [x.o] Error 1",),
    ),
    Rule(
        "scons.stopped", r"scons: building terminated because of errors", "scons", "build",
        extract=stopped, weight=30,
        examples=("scons: building terminated because of errors.",),
    ),
    Rule(
        "waf.task", r"-> task in '[^']+' failed", "waf", "build", weight=20,
        examples=(" -> task in 'app' failed with exit status 1 (run with -v)",),
    ),
    Rule(
        "xcode.failed", r"\*\* (?:BUILD|TEST|ARCHIVE|ANALYZE|CLEAN) (?:FAILED|INTERRUPTED) \*\*", "xcodebuild",
        "build", extract=stopped, weight=30,
        examples=("** BUILD FAILED **",),
    ),
    Rule(
        "xcode.commands", r"The following (?:build|test) commands failed:", "xcodebuild", "build",
        extract=xcode, weight=25,
        examples=("The following build commands failed:",),
    ),
)  # fmt: skip
