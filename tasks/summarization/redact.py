"""Hides secrets in what is shown: the value goes, its kind, its line and all around it stay.

The count of lines never changes, and no text grows: the label that takes a secret's place is cut
to `[redacted]` or `***` where the secret is shorter. Redacting twice changes nothing. Commit
hashes, checksums and UUIDs are kept, since they explain failures: there is no guess by entropy.

Run it on excerpts before they are fitted to a limit, all at once: joined by line ends they come
back with the same number of lines, and the fixed cost is paid once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice

from slipstream.tasks.summarization.model import Finding
from slipstream.tasks.summarization.secret_rules import SecretRule, SecretRules, load_secret_rules
from slipstream.tasks.summarization.secret_values import is_placeholder, named_secrets

_PLAIN = ("secret", "password", "token", "key")
"""Kinds that say less than the name of a service does."""
_KEY_START = r"BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----|Private-Lines: \d{1,3}"
_KEY_END = r"-----END [A-Z0-9 ]{0,32}PRIVATE KEY"
_BASE64 = r"[\"'|+\\n]{0,3}[A-Za-z0-9+/]{%d,}={0,2}"
_KEY_LINES = 400
"""Lines that a private key has at most (a 16,384-bit RSA key has 200)."""
Secret = tuple[int, int, str]
"""Start, end and kind."""


def redact(text: str, rules: SecretRules | None = None) -> tuple[str, int]:
    """Replace the secrets in a text.

    Args:
        text: Any text; lines end with a line feed.
        rules: From `load_secret_rules(folder)`; without them the detector is imported.

    Returns:
        The text, with as many lines and not longer, and the number of secrets replaced.
    """
    rules = rules or load_secret_rules()
    count = 0
    while found := _merged(text, _secrets(text, rules)):
        pieces, last = [], 0
        for start, end, kind in found:
            lines = text[start:end].split("\n")
            pieces += [text[last:start], "\n".join(_label(kind, len(line)) for line in lines)]
            last = end
        text = "".join([*pieces, text[last:]])
        count += len(found)
    return text, count


def redact_findings(
    findings: tuple[Finding, ...], rules: SecretRules | None = None
) -> tuple[tuple[Finding, ...], int]:
    """Replace the secrets in what findings say, all at once.

    Returns:
        The findings, and the number of secrets replaced.
    """
    said = dict.fromkeys(text for finding in findings for text in _texts(finding))
    hidden, count = redact("\n".join(said), rules)
    if not count:
        return findings, 0
    lines = iter(hidden.split("\n"))
    shown = {text: "\n".join(islice(lines, text.count("\n") + 1)) for text in said}
    return tuple(
        finding._replace(
            message=shown[finding.message],
            name=shown[finding.name],
            causes=tuple(one._replace(message=shown[one.message]) for one in finding.causes),
        )
        for finding in findings
    ), count


def _texts(finding: Finding) -> tuple[str, ...]:
    return (finding.message, finding.name, *(cause.message for cause in finding.causes))


def _label(kind: str, length: int) -> str:
    """What stands in place of a secret of so many characters; never longer."""
    for label in (f"[redacted:{kind}]", "[redacted]"):
        if len(label) <= length:
            return label
    return "***"[:length]


def _secrets(text: str, rules: SecretRules) -> Iterator[Secret]:
    """Find candidates; first the literals that each rule needs, which is a plain search in C."""
    lowered = text.lower()
    for rule in rules.rules:
        haystack = lowered if rule.caseless else text
        if not rule.literals or any(literal in haystack for literal in rule.literals):
            yield from _matches(text, rule)
    if "PRIVATE KEY" in text or "Private-Lines" in text:
        yield from _private_keys(text)
    yield from named_secrets(text, rules.words)


@cache
def _compiled(pattern: str, caseless: bool) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE | (re.IGNORECASE if caseless else 0))


def _matches(text: str, rule: SecretRule) -> Iterator[Secret]:
    done = 0
    for match in _compiled(rule.pattern, rule.caseless).finditer(text):
        start, end = match.span(rule.group)
        if end <= done:
            continue
        while start < end and text[start] in " \t\r\n\"'=:":
            start += 1
        while end > start and text[end - 1] in " \t\r\n\"'":
            end -= 1
        if rule.shape:
            before, after = text[start - 1 : start], text[end : end + 1]
            alone = not (before.isalnum() or after.isalnum() or after in ("_", "-"))
            if not alone or not any(c.isdigit() for c in text[start:end]):
                continue
        elif not rule.group:
            # Rules give the least length; the rest of a longer token would be a secret as well.
            rest = _compiled(r"(?:\.?[A-Za-z0-9_-]+)*+={0,2}", False).match(text, end)
            done = end = rest.end() if rest else end
        yield start, end, rule.kind


def _merged(text: str, secrets: Iterator[Secret]) -> list[Secret]:
    """Sort, join what overlaps (a rule names it, not a word), drop what is hidden already."""
    out: list[Secret] = []
    for start, end, kind in sorted(secrets, key=lambda secret: secret[:2]):
        value = text[start:end]
        if "[redacted" in value or _in_label(text, start) or is_placeholder(value.strip("\n")):
            continue
        if out and start < out[-1][1]:
            first, stop, name = out[-1]
            better = name in _PLAIN and kind not in _PLAIN
            out[-1] = (first, max(stop, end), kind if better else name)
        else:
            out.append((start, end, kind))
    return out


def _in_label(text: str, at: int) -> bool:
    """Whether this stands inside a label, whose kind may be a secret's name."""
    opened = text.rfind("[redacted", max(0, at - 64), at)
    return opened >= 0 and "]" not in text[opened:at]


def _private_keys(text: str) -> Iterator[Secret]:
    """Yield what stands between BEGIN and END of each private key, or what is left of it."""
    done = 0
    for begin in _compiled(_KEY_START, False).finditer(text):
        if begin.start() >= done:
            done = _key_end(text, begin.end())
            if text[begin.end() : done].strip():
                yield begin.end(), done, "private-key"
    for stop in _compiled(_KEY_END, False).finditer(text):
        start = end = text.rfind("\n", 0, stop.start()) + 1
        for _ in range(_KEY_LINES):
            line = text.rfind("\n", 0, start - 1) + 1 if start else start
            if line == start or not _is_key_line(text[line : start - 1], 16 if start < end else 1):
                break
            start = line
        if start < end - 1:
            yield start, end - 1, "private-key"


def _key_end(text: str, at: int) -> int:
    """Where the key that begins here ends: before END, or after the last line that looks so."""
    last, other = at, 0
    for number in range(_KEY_LINES):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end]
        if (stop := line.find("-----")) >= 0:
            return at + stop if number == 0 else last
        closed = text.startswith(("-----END", "Private-MAC"), end + 1)
        if _is_key_line(line, 16) or (number and closed and _is_key_line(line, 1)):
            last, other = end, 0
        elif number and (other := other + 1) > 4:
            break  # four lines may be headers of the key, or another process's output
        at = end + 1
        if at >= len(text):
            break
    return last


def _is_key_line(line: str, least: int) -> bool:
    """Whether the line's last word is Base64; CI puts times and `|` before it."""
    words = line[-1024:].rstrip("\\n\"',+; \t\r").split()
    return bool(words) and bool(_compiled(_BASE64 % least, False).fullmatch(words[-1]))
