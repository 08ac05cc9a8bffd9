"""Secrets that only their name betrays: `PASSWORD=…`, `"api_key": "…"`, `--token …`.

A name in a log is far more often code, prose or a placeholder than a leak. What counts here is
how the name is written, what stands between it and the value, and what the value looks like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

_AFTER = (
    r"(?P<suffix>[\w-]{0,40})(?P<close>\\{0,3}[\"'`]?\]?)(?P<gap>[ \t]{0,8})"
    r"(?P<op>:=|=>|!={1,2}|={1,3}|:(?!:)|)(?P<space>[ \t]{0,8})"
    r"(?:(?P<text>[bBuUrR]{0,2}(?P<open>\\{0,3}[\"'`])(?P<quoted>[^\n]{0,2048}?)(?:(?P=open)|$))"
    r"|(?P<plain>[^\s\"'`]{1,2048}))?"
)
"""What follows the name: the rest of its word, an operator, and a quoted or a plain value."""
_CODE = r"[&*@]?[A-Za-z_$][\w$]*(?:(?:\.|->|::)[A-Za-z_$][\w$]*)*"
_PLACEHOLDER = (
    r"(?i)[*x•.#_-]*|<[^>]*>?|\$[({].*|\$\w+|%[sd]|%\(.*|%\w+%|\{.*|\[[^\]]*\]?|\(.*"
    r"|(?:your|my|the|an?|some|example|sample|dummy|fake|insert)[-_ ].*"
    r"|(?:change|replace)[-_]?me"
)
_NOT_SECRETS = frozenset((
    "str", "string", "bytes", "byte", "int", "integer", "number", "bool", "boolean", "any",
    "none", "null", "nil", "undefined", "object", "char", "void", "optional", "required",
    "option", "true", "false", "yes", "no", "on", "off", "ok", "error", "failed", "passed",
    "skipped", "missing", "invalid", "incorrect", "wrong", "expired", "empty", "unset", "not",
    "is", "was", "are", "to", "must", "should", "has", "have", "the", "an", "a", "and", "or",
    "for", "from", "with", "in", "of", "at", "by", "as", "if", "enabled", "disabled", "default",
    "unknown", "unexpected", "redacted", "hidden", "masked", "filtered", "removed", "omitted",
    "sanitized", "protected", "secret", "password", "passwd", "token", "key", "value", "var",
    "let", "const", "new", "self", "this", "type", "text", "field", "file", "stdin", "prompt",
    "env", "environ",
))  # fmt: skip
"""Words that stand after a name in code, types and prose, never as its value."""
_DESCRIPTIONS = frozenset((
    "name", "names", "file", "files", "filename", "path", "dir", "directory", "url", "uri",
    "type", "types", "length", "len", "size", "count", "counts", "limit", "limits", "max",
    "min", "expiry", "expires", "expiration", "expired", "ttl", "age", "lifetime", "field",
    "fields", "input", "policy", "label", "prompt", "hint", "regex", "pattern", "ref", "refs",
    "version", "status", "index", "idx", "error", "errors", "err", "manager", "provider",
    "service", "class", "method", "strategy", "format", "required", "enabled", "reset", "valid",
    "validator", "validation", "id", "ids", "arn", "kind", "store", "storage", "mount",
    "source", "test", "tests",
))  # fmt: skip
"""Last words of a name that speaks about a secret, such as `password_file`."""
_KINDS = {"password": ("pass", "pwd", "contrase"), "token": ("token",), "key": ("key",)}
_ENDINGS = ("key", "value", "hash", "text", "word", "wd", "phrase")
"""What may follow a name without a boundary, as in `dbpass` + `word`."""
_WEAK = "token"
"""A word that parsers use as well; its value has to look random."""
_SURE_TOKEN = r"(?i)(?:access|auth|api|refresh|bearer|session|csrf|private|oauth|client)[_-]?token$"


class _Plain(NamedTuple):
    """A value without quotes, and how it stands in its line."""

    key: str
    value: str
    op: str
    after: str
    """The character behind the value, if any."""
    sure: bool
    """The name alone says that it is a secret's."""
    shell: bool
    """`NAME=value`, as in a shell or an .env file."""
    option: bool
    """`--name value`."""
    spaced: bool
    """There is space around the operator."""
    first: bool
    """The name begins its line."""
    whole: bool
    """The value ends its line."""


@cache
def _beginnings(words: tuple[str, ...]) -> dict[str, str]:
    """For each literal that a name can begin with, the names: an alternation of all is slow."""
    out: dict[str, list[str]] = {}
    for word in words:
        head = re.split(r"[\[(?{]", word.replace("[_-]?", "\0"))[0]
        heads = [head.replace("\0", sep) for sep in ("", "_", "-")] if "\0" in head else [head]
        for literal in heads:
            out.setdefault(literal, []).append(word)
    return {head: f"(?i:{'|'.join(them)})" for head, them in out.items()}


@cache
def _rx(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)


def named_secrets(text: str, words: tuple[str, ...]) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and kind of each value in the text that is a secret by its name.

    Linear: each name costs at most a fixed number of characters around it. Some characters grow
    in lower case; then the position is lost, and they are left as they are.
    """
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(low if len(low := c.lower()) == 1 else c for c in text)
    for literal, names in _beginnings(words).items():
        at = lowered.find(literal)
        while at >= 0:
            match = _rx(names).match(text, at)
            if match and (found := _value(text, match)):
                yield found
            at = lowered.find(literal, at + 1)


def _value(text: str, name: re.Match[str]) -> tuple[int, int, str] | None:
    start = name.start()
    low = max(0, start - 64)
    while start > low and (text[start - 1].isalnum() or text[start - 1] in "_-."):
        start -= 1
    if text.startswith("//", max(0, start - 2)):
        return None  # the user's name in a URL, for which there is a rule
    after = _rx(_AFTER).match(text, name.end())
    if after is None or not (after["open"] or after["plain"]):
        return None
    word = name.group().lower()
    kinds = (kind for kind, parts in _KINDS.items() if any(part in word for part in parts))
    kind = next(kinds, "secret")
    prefix, suffix, op = text[start : name.start()], after["suffix"], after["op"]
    option = prefix.startswith("--") or (prefix == "-" and op == "")
    if not _is_name(prefix, name.group(), suffix, after["close"], op, option, after["gap"]):
        return None
    key = prefix + name.group() + suffix
    sure = name.group().lower() != _WEAK or bool(_rx(_SURE_TOKEN).search(prefix + name.group()))
    if after["open"] is not None:
        if op == "" or not _quoted_is_secret(key, after["quoted"], sure):
            return None
        return *after.span("quoted"), kind
    if op in ("!=", "!==", "==", "==="):
        return None
    spaced = bool(after["gap"] or after["space"])
    shell = op == "=" and not spaced and key.isupper()
    value = after["plain"]
    if not shell:
        cut = _rx(r"[,;&<>(){}\[\]|]").search(value)
        value = value[: cut.start()] if cut else value
        value = value.rstrip(".!?:\\")
    end = after.start("plain") + len(value)
    rest = text[end : end + 2]
    line = max(text.rfind("\n", max(0, start - 64), start), start - 64) + 1
    first = not text[line:start].strip(" \t-{") and (line == 0 or text[line - 1] == "\n")
    whole = rest[:1] in ("", "\n", "\r") or rest in (",\n", ";\n", ",", ";")
    plain = _Plain(key, value, op, rest[:1], sure, shell, option, spaced, first, whole)
    if _plain_is_secret(plain):
        return end - len(value), end, kind
    return None


def _is_name(
    prefix: str, word: str, suffix: str, close: str, op: str, option: bool, gap: str
) -> bool:
    """Whether prefix, word and suffix together are the name of a secret's value."""
    if op == "" and not (option and gap and not close):
        return False
    full = (prefix + word + suffix).lower().strip("-_.")
    if full in ("pwd", "oldpwd") and prefix == "" and word.isupper():
        return False  # the shell's working directory
    before = prefix[-1:]
    joined = before.isalpha() and before.islower() == word[0].islower()
    if joined and (word.lower() in ("token", "pwd") or word.lower().endswith("key")):
        return False
    if suffix and suffix[0].islower() and word[-1].islower():  # secretary, tokens, passwordless
        tail = _rx(r"[a-z]+").match(suffix)
        if tail is None or tail.group() not in _ENDINGS:
            return False
    parts = _rx(r"[A-Z]?[a-z]+|[A-Z]+").findall(suffix)
    return not parts or parts[-1].lower() not in _DESCRIPTIONS


def _quoted_is_secret(key: str, value: str, sure: bool) -> bool:
    if (
        is_placeholder(value)
        or _same(key, value)
        or value.lower() in _NOT_SECRETS
        or len(value) < 3
    ):
        return False
    if _is_path(value) or ("{" in value and "}" in value):
        return False
    words = value.split()
    if len(words) > 1:
        prose = len(words) > 2 and sum(word.strip(".,:;!?").isalpha() for word in words) > 2
        return sure and ("phrase" in key.lower() or not prose)
    return sure or looks_random(value)


def _plain_is_secret(found: _Plain) -> bool:
    """Decide about a value without quotes, which may just as well be code or prose."""
    key, value, after, whole = found.key, found.value, found.after, found.whole
    if len(value) < 3 or is_placeholder(value) or _same(key, value) or _is_path(value):
        return False
    if value.lower() in _NOT_SECRETS or not any(c.isalnum() for c in value):
        return False
    if _rx(r"[A-Za-z_][\w.]*\(").match(value) or (after and after in "([<{"):
        return False  # a call, an index or a type
    if found.option and value.startswith("-"):
        return False
    if not found.sure:
        return looks_random(value)
    if _rx(r"[\d.,_-]+$").match(value):
        least = 6 if key.lower().endswith("_pass") else 4  # a count of tests that pass
        passwords = _KINDS["password"]
        return value.isdigit() and len(value) >= least and any(p in key.lower() for p in passwords)
    if found.shell:
        return True
    if found.op == ":" and not found.spaced:  # `pass:translate/2`, `libsecret-1-0:amd64`
        return looks_random(value) or (found.first and whole and "/" not in value)
    if not _rx(_CODE + "$").match(value):
        return whole or not found.spaced or looks_random(value)
    if _rx(r"[&*@]|.*(?:\.|->|::)").match(value):  # an attribute or a reference
        return looks_random(value)
    variable = not _rx(r".*\d.*[A-Za-z]|.*\d{3}").match(value)
    if found.option:
        return not value.isupper()
    if found.op == ":":
        named = found.first and whole and value[0].islower()
        return named or (whole and not variable) or looks_random(value)
    if found.spaced:
        return whole and (not variable or any(c.isdigit() for c in value))
    passed_on = value.isidentifier() and key.lower().strip("-_.") in value.lower()
    return not passed_on and not (variable and after and after in ",)]")


def _same(key: str, value: str) -> bool:
    return key.lower().strip("-_. ") == value.lower().strip("-_. ")


def is_placeholder(value: str) -> bool:
    """Whether this stands for a value that is not there: `***`, `<secret>`, `$VAR`, `changeme`."""
    return bool(_rx(_PLACEHOLDER).fullmatch(value))


def _is_path(value: str) -> bool:
    """A path or an address without credentials; `a/b` may be Base64 and is not taken for one."""
    return bool(
        _rx(r"(?:~|\.{1,2})?/[\w.@ -]+(?:/[\w.@ -]*)+$|[A-Za-z]:\\|\./|~/|\.\./").match(value)
        or (_rx(r"[a-z][a-z0-9+.-]{1,20}://").match(value) and "@" not in value)
    )


def looks_random(value: str) -> bool:
    """Whether a word is more like a key than like a name: long, with letters and digits mixed."""
    digits = sum(c.isdigit() for c in value)
    letters = sum(c.isalpha() for c in value)
    return len(value) >= 8 and digits > 1 and letters > 1 and digits + letters > len(value) * 0.75
