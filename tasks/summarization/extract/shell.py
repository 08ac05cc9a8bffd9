"""What the shell and the system say: commands, files, memory, disk, network, downloads."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx, went_well
from slipstream.tasks.summarization.model import Extracted, Rule, Severity


def script(doc: Document, i: int, rule: Rule) -> Extracted:
    """`x.sh: line 12: foo: command not found`, as bash, dash, zsh, fish and busybox word it."""
    text = doc.texts[i].strip()
    match = rx(r"(?:^|\s)((?:/|\./|\w)?[^\s:]*): (?:line )?(\d+): (.+)$").search(text)
    if not match:
        return finding(doc, rule, i, i, text)
    file = match[1] if rx(r"[./]").search(match[1]) else ""
    return finding(doc, rule, i, i, text, file=file, line=number(match[2]) if file else None)


def condition(doc: Document, i: int, rule: Rule) -> Extracted:
    """A condition of the system, unless the line only names a test of it."""
    text = doc.texts[i].strip()
    named = went_well(text) or rx(r"\w\.\w+::\w+").search(text)
    return None if named else finding(doc, rule, i, i, text)


def usage(doc: Document, i: int, rule: Rule) -> Extracted:
    """A command line that was refused, with the usage lines above."""
    first = i
    for k, line in doc.back(i - 1, 12) if i else ():
        if not rx(r"^(?:[Uu]sage: |Try |\s|$)").match(line):
            break
        if rx(r"^[Uu]sage: ").match(line):
            first = k
            break
    return finding(doc, rule, first, i, doc.texts[i].strip())


def killed(doc: Document, i: int, rule: Rule) -> Extracted:
    """The lone word `Killed`, or bash's `line 3: 123 Killed  command`."""
    text = doc.texts[i].strip()
    if not rx(r"^(?:\S.*: (?:line )?\d+: +\d+ |\[?\w*\]?[:|]?\s*)?Killed(?:$|: 9|\s{2,}\S)").match(
        text
    ):
        return None
    return finding(doc, rule, i, i, text)


RULES: tuple[Rule, ...] = (
    Rule(
        "shell.script",
        r": (?:line )?\d+: .+: (?:command not found|not found|No such file or directory|"
        r"Permission denied|unbound variable|parameter not set|bad substitution|Is a directory|"
        r"cannot execute|bad interpreter|ambiguous redirect|integer expression expected|"
        r"unary operator expected|binary operator expected|too many arguments|readonly variable|"
        r"bad array subscript|event not found|Exec format error|Argument list too long|"
        r"invalid option|not a valid identifier|cannot create|cannot open)|"
        r": (?:line )?\d+: (?:[Ss]yntax error|unexpected EOF|Bad substitution)",
        "shell", "command", extract=script, weight=14,
        examples=("x.sh: line 12: foo: command not found", "x.sh: 3: foo: not found",
                  "x.sh: line 3: syntax error near unexpected token `fi'"),
    ),
    Rule(
        "shell.command",
        r"(?:^|\s)(?:/\S*/)?(?:ba|z|da|k|a)?sh: (?:\d+: )?.+(?:not found|No such file|Permission denied)|"
        r"\bcommand not found: \S|exec: \"[^\"]+\": executable file not found|"
        r"is not recognized as an internal or external command|"
        r"is not recognized as (?:the|a) name of a cmdlet|"
        r"/usr/bin/env: .+: No such file|xargs: .+: No such file|"
        r"The system cannot find the (?:path|file) specified|^spawn \S+ ENOENT",
        "shell", "command", weight=12,
        examples=("bash: foo: command not found", "/usr/bin/env: 'node': No such file or directory",
                  "zsh: command not found: foo"),
    ),
    Rule(
        "shell.file",
        r"(?:^|\s)(?:cp|mv|rm|ls|cat|cd|mkdir|rmdir|ln|chmod|chown|touch|tar|unzip|gzip|find|grep|sed|awk|"
        r"install|diff|patch|stat|source|tee|dd|rsync|scp|ssh|mount|umount|fusermount|test|strip|ar|file|"
        r"head|tail|sort|cmp|readlink|realpath|which|sudo|su|kill|env|docker|bunzip2|xz|zip|7z)"
        r": .+(?:No such file or directory|Permission denied|cannot |can't |not permitted|"
        r"missing operand|Is a directory|Not a directory|File exists|unrecognized option|"
        r"Device or resource busy|Read-only file system|invalid option|command not found|Host key verification failed)",
        "shell", "command", weight=9,
        examples=("cp: cannot stat 'x': No such file or directory", "sudo: foo: command not found"),
    ),
    Rule(
        "shell.memory",
        r"Out of memory: Kill|oom-kill(?::|er)|OOMKilled|Cannot allocate memory|"
        r"JavaScript heap out of memory|virtual memory exhausted|std::bad_alloc|"
        r"Memory cgroup out of memory|insufficient memory for the Java Runtime|"
        r"c\+\+: fatal error: Killed signal|(?:internal compiler|fatal) error: Killed|Killed \(program |"
        r"oom_reaper|memory allocation of \d+ bytes failed|\bexit(?:ed)?(?: with)?(?: code)? 137\b",
        "shell", "command", Severity.FATAL, extract=condition, weight=18,
        examples=("Out of memory: Killed process 12 (node)", "g++: fatal error: Killed signal terminated program cc1plus",
                  "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"),
    ),
    Rule(
        "shell.killed", r"Killed(?::? 9)?(?:\s*$|\s{2,}\S)", "shell", "command", Severity.FATAL,
        extract=killed, weight=14,
        examples=("Killed", "run.sh: line 3:   123 Killed                  ./a"),
    ),
    Rule(
        "shell.disk",
        r"[Nn]o space left on device|[Dd]isk quota exceeded|[Nn]ot enough (?:free )?disk space|"
        r"There is not enough space on the disk|\bENOSPC\b|Read-only file system|Too many open files|\bEMFILE\b|"
        r"fork: (?:retry: )?Resource temporarily unavailable|Input/output error",
        "shell", "command", extract=condition, weight=10,
        examples=("write error: No space left on device",),
    ),
    Rule(
        "shell.network",
        r"[Cc]ould not resolve host|[Tt]emporary failure in name resolution|"
        r"[Nn]ame or service not known|nodename nor servname provided|getaddrinfo (?:ENOTFOUND|EAI_AGAIN)|"
        r"[Cc]onnection refused|\bECONNREFUSED\b|[Cc]onnection reset by peer|\bECONNRESET\b|"
        r"[Cc]onnection timed out|\bETIMEDOUT\b|[Nn]etwork is unreachable|No route to host|"
        r"SSL certificate problem|certificate verify failed|certificate has expired|"
        r"unable to get local issuer certificate|self[- ]signed certificate|TLS handshake timeout|"
        r"Empty reply from server|[Tt]he remote end hung up|[Ee]arly EOF|i/o timeout|"
        r"SSL_ERROR_SYSCALL|[Aa]ddress already in use|\bEADDRINUSE\b|Received fatal alert",
        "network", "command", extract=condition, weight=7,
        examples=("curl: (6) Could not resolve host: example.org",
                  "connect ECONNREFUSED 127.0.0.1:5432"),
    ),
    Rule(
        "shell.download",
        r"curl: \(\d+\) |wget: (?:unable|server returned|bad|can't|download timed)|"
        r"ERROR [45]\d\d: |HTTP request sent, awaiting response\.\.\. [45]\d\d|"
        r"The requested URL returned error: [45]\d\d|[Ff]ailed to (?:download|fetch)\b|"
        r"[Cc]ould not download|[Dd]ownload failed|[Uu]nable to (?:download|fetch|connect to)\b|"
        r"[Cc]hecksum (?:mismatch|did not match|verification failed)|[Hh]ash (?:mismatch|sum mismatch)|"
        r"(?:HTTP error|HTTP Error|[Ss]tatus code):? (?:40[0134]|429|50[0234])\b",
        "network", "command", extract=condition, weight=8,
        examples=("curl: (22) The requested URL returned error: 404 Not Found",
                  "2024-01-01 10:00:00 ERROR 404: Not Found.", "E: Failed to fetch http://x/y  404  Not Found"),
    ),
    Rule(
        "shell.archive",
        r"gzip: stdin: (?:not in gzip format|unexpected end of file)|tar: (?:Error is not recoverable|"
        r"Child returned status|Exiting with failure|This does not look like a tar)|"
        r"End-of-central-directory signature not found|xz: \(stdin\): File format not recognized",
        "shell", "command", weight=10,
        examples=("tar: Error is not recoverable: exiting now",),
    ),
    Rule(
        "shell.arguments",
        r"^[\w./-]+(?: [\w-]+)?: error: (?:argument |unrecognized arguments|the following arguments|one of the arguments|"
        r"no such option|too few arguments|invalid choice|ambiguous option|option )|"
        r"^Error: (?:No such (?:option|command)|Missing (?:argument|option|parameter)|Invalid value for|Got unexpected extra)|"
        r"flag provided but not defined: -|Illegal switch '",
        "shell", "command", extract=usage, weight=12,
        examples=("shop: error: argument --count: invalid int value: 'three'", "Error: No such option: --foo"),
    ),
)  # fmt: skip
