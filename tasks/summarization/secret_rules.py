"""What a secret looks like: the rules of detect-secrets, and the formats that it does not know.

Importing detect-secrets costs more than summarizing a 1 MB log, so its patterns are read from it
once and kept as JSON in the data folder, under the detector's version and with a checksum. A
missing, damaged or outdated file is made again; a folder that cannot be written costs only time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple


class SecretRule(NamedTuple):
    """A pattern of secrets."""

    kind: str
    """What the secret is called in its place."""
    pattern: str
    literals: tuple[str, ...] = ()
    """One of these stands in each match; empty when no literal of 2 characters is certain."""
    caseless: bool = False
    """The pattern ignores case, and `literals` are in lower case."""
    group: int = 0
    """The group that holds the secret; 0 is the whole match."""
    shape: bool = False
    """Nothing but its shape tells it from a hash: it has to stand alone and to look random."""


class SecretRules(NamedTuple):
    """Everything that `redact` looks for."""

    rules: tuple[SecretRule, ...]
    words: tuple[str, ...]
    """Patterns of names whose value is a secret, such as `api[_-]?key`; each begins literally."""
    detector: str
    """The detector's version, or nothing when it could not be read and only ours are there."""


MAX_REPEAT = 256
"""Characters that `+` and `*` of a detector's rule stand for, so that no rule can read on for
ever; a longer token is still hidden whole, see `redact`."""

_T = r"[A-Za-z0-9_-]"
_OWN: tuple[tuple[str, str], ...] = (
    ("anthropic-key", rf"sk-ant-{_T}{{16,}}"),
    ("openrouter-key", r"sk-or-v1-[0-9a-f]{32,}"),
    ("openai-key", rf"sk-(?:proj|svcacct|admin|None)-{_T}{{20,}}"),
    ("github-token", r"gh[pousr]_[A-Za-z0-9]{16,}"),
    ("github-token", r"github_pat_[A-Za-z0-9_]{20,}"),
    ("gitlab-token", rf"gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|wt)-{_T}{{16,}}"),
    ("slack-token", r"xox[abcdeoprs]-[A-Za-z0-9-]{10,}"),
    ("slack-token", r"xapp-\d-[A-Za-z0-9-]{10,}"),
    ("slack-webhook", r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9_/-]{20,})"),
    ("discord-webhook", r"discord(?:app)?\.com/api/webhooks/\d{5,}/([A-Za-z0-9_-]{20,})"),
    ("stripe-key", r"[rs]k_(?:live|test|prod)_[0-9a-zA-Z]{10,}"),
    ("webhook-secret", r"whsec_[A-Za-z0-9+/=]{16,}"),
    ("google-key", rf"AIza{_T}{{30,}}"),
    ("google-secret", rf"GOCSPX-{_T}{{16,}}"),
    ("google-token", rf"ya29\.{_T}{{16,}}"),
    ("google-token", rf"1//0{_T}{{30,}}"),
    ("aws-bedrock-key", r"ABSK[A-Za-z0-9+/]{60,}"),
    ("url-signature", r"X-(?:Amz|Goog)-(?:Signature|Security-Token|Credential)=([^&\s\"']{16,})"),
    ("azure-signature", r"[?&;]sig=([A-Za-z0-9%+/=_-]{20,})"),
    ("azure-key", r"(?:Account|SharedAccess|SharedSecret)Key=([A-Za-z0-9+/=]{20,})"),
    ("azure-secret", r"[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}"),
    ("telegram-token", r"\d{8,10}:AA[A-Za-z0-9_-]{33}"),
    ("huggingface-token", r"hf_[A-Za-z0-9]{30,}"),
    ("npm-token", r"npm_[A-Za-z0-9]{30,}"),
    ("npm-token", r":_(?:authToken|auth|password)[ \t]{0,3}=[ \t]{0,3}[\"']?([^\s\"']{1,1024})"),
    ("pypi-token", rf"pypi-AgE{_T}{{16,}}"),
    ("docker-token", rf"dckr_(?:pat|oat)_{_T}{{20,}}"),
    ("digitalocean-token", r"do[opr]_v1_[a-f0-9]{32,}"),
    ("databricks-token", r"dapi[0-9a-f]{32}"),
    ("shopify-token", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    ("newrelic-key", r"NRAK-[A-Z0-9]{20,}"),
    ("linear-key", r"lin_(?:api|oauth)_[A-Za-z0-9]{20,}"),
    ("atlassian-token", r"AT[AC]TT3[A-Za-z0-9_=-]{20,}"),
    ("vault-token", rf"hv[sbr]\.{_T}{{20,}}"),
    ("terraform-token", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{40,}"),
    ("doppler-token", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9.]{20,}"),
    ("age-key", r"AGE-SECRET-KEY-1[0-9A-Z]{40,}"),
    ("grafana-token", r"gl(?:sa|c)_[A-Za-z0-9+/=_]{30,}"),
    ("sentry-token", r"sntry[us]_[A-Za-z0-9+/=_]{30,}"),
    ("supabase-key", r"sb(?:p|_secret)_[A-Za-z0-9]{20,}"),
    ("rubygems-key", r"rubygems_[0-9a-f]{40,}"),
    ("groq-key", r"gsk_[A-Za-z0-9]{30,}"),
    ("xai-key", r"xai-[A-Za-z0-9]{40,}"),
    ("replicate-token", r"r8_[A-Za-z0-9]{30,}"),
    ("postman-key", r"PMAK-[0-9a-f]{20,}-[0-9a-f]{20,}"),
    ("sonar-token", r"sq[pau]_[0-9a-f]{40}"),
    ("tailscale-key", r"tskey-[a-z]{3,12}-[A-Za-z0-9-]{12,}"),
    ("jwt", rf"eyJ{_T}{{8,512}}={{0,2}}\.{_T}{{8}}"),
    # The user's name may be absent, and the password may hold an `@`: it ends at the last one.
    ("password", r"://[^\s/?#:@\"'<>]{0,128}:([^\s/\"'<>?]{1,1024})@"),
    ("token", r"://([A-Za-z0-9_-]{20,256})@"),
)  # fmt: skip
_OWN_CASELESS: tuple[tuple[str, str], ...] = (
    ("credentials", r"\bauthorization[\"']?[ \t]{0,3}[:=][ \t]{0,3}[\"']?"
                    r"(?:bearer|basic|token|digest|apikey|negotiate)[ \t]{1,3}"
                    r"((?!realm=)[^\s\"',]{6,1024})"),
    ("credentials", r"\bauthorization[\"']?[ \t]{0,3}[:=][ \t]{0,3}[\"']?"
                    r"([a-z0-9._~+/=-]{20,1024})"),
    ("bearer-token", r"\bbearer[ \t]{1,3}([a-z0-9._~+/=-]{20,1024})"),
    ("cookie", r"\bcookie:[ \t]{0,3}([a-z0-9_.-]{1,64}=[^\n\"']{4,1024})"),
    ("password", r"<[\w.-]{0,40}(?:password|passphrase|secret|token|apikey)>([^<\n]{1,1024})</"),
    ("password", r"\bcurl\b[^\n]{0,200}? (?:-u|--user)[ =][\"']?[^\s:\"']{1,64}:([^\s\"']{1,256})"),
    ("password", r"\b(?:mysql|mariadb)\w{0,8} [^\n|;]{0,200}?(?<=\s)-p([^\s\"';|&]{3,64})(?=\s|$)"),
    ("password", r"\bsshpass -p ?[\"']?([^\s\"']{1,256})"),
)  # fmt: skip
_WORDS = (
    "pass[_-]?phrase", "access[_-]?key", "secret[_-]?key", "encryption[_-]?key", "signing[_-]?key",
    "master[_-]?key", "credentials?", "_pass(?![a-z])", "token",
    "cloudant[a-z_-]{0,9}key", "softlayer[a-z_-]{0,9}key",
)  # fmt: skip
_SKIPPED = {
    "Public IP (ipv4)": "an address says where a failure is, and is no secret",
    "IBM Cloud IAM Key": "any 44 characters after `key`, which are cache keys in most logs",
    "Cloudant Credentials": "any word after `cl_key`; ours take `cloudant…key` and URLs",
    "SoftLayer Credentials": "any word after `sl_key`; ours take `softlayer…key`",
    "IBM COS HMAC Credentials": "ours take all values of `secret…key`",
    "Azure Storage Account access key": "ours leave the name, and take shorter keys",
    "Telegram Bot Token": "any 35 characters after a number; ours ask for the `AA` that they have",
    "JSON Web Token": "ours is bounded, and finds cut ones",
    "Basic Auth Credentials": "ours takes all characters that a password may hold",
    "Private Key": "the whole block is hidden, not its first line",
}
"""Detectors of detect-secrets that are left out, and why. Those that guess by entropy have no
patterns: they would hide commit hashes, checksums and identifiers, which explain failures."""


@cache
def load_secret_rules(folder: Path | None = None) -> SecretRules:
    """The rules to redact with; never raises.

    Args:
        folder: Where they are kept between runs. The first call with a new folder, and each call
            without one, imports the detector (about 0.15 s).
    """
    key = _key()
    path = folder / "secret-rules.json" if folder else None
    if path and (kept := _read(path, key)):
        return kept
    detector, words, version = _detector_rules()
    own = [_rule(kind, pattern) for kind, pattern in _OWN]
    own += [_rule(kind, pattern, re.IGNORECASE) for kind, pattern in _OWN_CASELESS]
    rules = SecretRules((*own, *detector), (*words, *_WORDS), version)
    if path and version:
        _write(path, key, rules)
    return rules


def _key() -> str:
    """Changes with the detector's version, with our own rules and with Python's parser."""
    version = ""
    for entry in sys.path:
        try:
            version = Path(entry, "detect_secrets", "__version__.py").read_text("utf-8")
            break
        except (OSError, ValueError):
            continue
    ours = repr((version, _OWN, _OWN_CASELESS, _WORDS, _SKIPPED, MAX_REPEAT, sys.version_info[:2]))
    return hashlib.sha256(ours.encode()).hexdigest()


def _read(path: Path, key: str) -> SecretRules | None:
    try:
        head, _, body = path.read_text("utf-8").partition("\n")
        if head != f"{key} {hashlib.sha256(body.encode()).hexdigest()}":
            return None
        data: dict[str, Any] = json.loads(body)
        rules = tuple(SecretRule(r[0], r[1], tuple(r[2]), *r[3:]) for r in data["rules"])
        return SecretRules(rules, tuple(data["words"]), data["detector"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _write(path: Path, key: str, rules: SecretRules) -> None:
    body = json.dumps(rules._asdict(), separators=(",", ":"))
    part = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest = hashlib.sha256(body.encode()).hexdigest()
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(f"{key} {digest}\n{body}")
        os.replace(part, path)
    except OSError:
        with suppress(OSError):
            part.unlink()


def _detector_rules() -> tuple[list[SecretRule], list[str], str]:
    """Rules, words and version of detect-secrets; empty when it cannot be imported.

    Any failure counts as absent: a later version may be laid out differently, and a summary with
    our own rules alone is better than none.
    """
    import importlib
    import pkgutil
    import warnings

    rules: list[SecretRule] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plugins = importlib.import_module("detect_secrets.plugins")
            for module in sorted(m.name for m in pkgutil.iter_modules(plugins.__path__)):
                found = importlib.import_module(f"detect_secrets.plugins.{module}")
                for detector in vars(found).values():
                    if getattr(detector, "__module__", "") == found.__name__:
                        rules += _rules_of(detector)
            keyword = importlib.import_module("detect_secrets.plugins.keyword")
            words = [word.replace("_?", "[_-]?") for word in keyword.DENYLIST]
            version = importlib.import_module("detect_secrets.__version__").VERSION
    except Exception:
        return [], ["password", "passwd", "pwd", "secret", "api[_-]?key"], ""
    return rules, words, str(version)


def _rules_of(detector: Any) -> list[SecretRule]:
    name = getattr(detector, "secret_type", None)
    patterns = getattr(detector, "denylist", None)
    if not isinstance(name, str) or name in _SKIPPED or not isinstance(patterns, list | tuple):
        return []
    kind = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return [_rule(kind, bounded(p.pattern), p.flags) for p in patterns]


def bounded(pattern: str) -> str:
    r"""The pattern with `+` and `*` limited to MAX_REPEAT repetitions.

    >>> bounded(r"a+[+*]\\+.*?")
    'a{1,256}[+*]\\+.{0,256}?'
    """
    out = []
    for piece in re.findall(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", pattern, re.DOTALL):
        low = {"+": 1, "*": 0}.get(piece)
        out.append(piece if low is None else f"{{{low},{MAX_REPEAT}}}")
    return "".join(out)


def _rule(kind: str, pattern: str, flags: int = 0) -> SecretRule:
    caseless = bool(flags & re.IGNORECASE)
    if flags & re.VERBOSE:
        pattern = f"(?x:{pattern})"
    literals = required_literals(pattern)
    shape = min(map(len, literals), default=0) < 3
    literals = () if min(map(len, literals), default=0) < 2 else literals
    if caseless:
        literals = tuple(literal.lower() for literal in literals)
    return SecretRule(kind, pattern, tuple(sorted(set(literals))), caseless, _group(pattern), shape)


def _group(pattern: str) -> int:
    """The first group that can hold a secret; a short one, such as a prefix, is only a choice."""
    parser = _parser()
    for op, argument in parser.parse(pattern):
        if op is parser.SUBPATTERN and argument[0] and argument[-1].getwidth()[1] > 15:
            return int(argument[0])
    return 0


def _parser() -> Any:
    import re._parser  # type: ignore[import-not-found]

    return re._parser


def required_literals(pattern: str) -> tuple[str, ...]:
    """Strings of which each match of the pattern holds at least one; the longest that are certain.

    >>> sorted(required_literals(r"(ghp|gho)_[a-z]{36}"))
    ['gho_', 'ghp_']
    """
    return tuple(sorted(_literals(_parser().parse(pattern))))


_MAX_CHOICES = 24


def _literals(sequence: Any) -> frozenset[str]:
    """Walk one sequence: `run` holds what the items so far spell, where they spell few strings."""
    parser = _parser()
    best: frozenset[str] = frozenset()
    run = frozenset({""})

    def better(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
        def rank(found: frozenset[str]) -> tuple[int, int]:
            return (min(min(map(len, found), default=0), 8), -len(found))

        return max(one, other, key=rank)

    for op, argument in sequence:
        spelled = _spelled(op, argument)
        if spelled and len(run) * len(spelled) <= _MAX_CHOICES:
            run = frozenset(a + b for a in run for b in spelled)
            continue
        best = better(best, run)
        run = spelled or frozenset({""})
        if op is parser.SUBPATTERN:
            best = better(best, _literals(argument[-1]))
        elif op is parser.BRANCH:
            parts = [_literals(part) for part in argument[1]]
            if all(parts) and all("" not in part for part in parts):
                best = better(best, frozenset().union(*parts))
        elif op is parser.MAX_REPEAT and argument[0] > 0:
            best = better(best, _literals(argument[2]))
    return better(best, run) - {""}


def _spelled(op: Any, argument: Any) -> frozenset[str] | None:
    """All strings that one item of a pattern stands for, when they are few."""
    parser = _parser()
    if op is parser.LITERAL:
        return frozenset({chr(argument)})
    if op is parser.AT:
        return frozenset({""})
    if op is parser.IN and len(argument) <= 10 and all(o is parser.LITERAL for o, _ in argument):
        return frozenset(chr(code) for _, code in argument)
    if op is parser.SUBPATTERN:
        return _spelled_sequence(argument[-1])
    if op is parser.BRANCH:
        parts = [_spelled_sequence(part) for part in argument[1]]
        return None if None in parts else frozenset().union(*(p for p in parts if p is not None))
    return None


def _spelled_sequence(sequence: Any) -> frozenset[str] | None:
    out = frozenset({""})
    for op, argument in sequence:
        spelled = _spelled(op, argument)
        if spelled is None or len(out) * len(spelled) > _MAX_CHOICES:
            return None
        out = frozenset(a + b for a in out for b in spelled)
    return out
