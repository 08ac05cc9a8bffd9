"""Which value holds, where it comes from, and what is said of mistakes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipstream.storage.config import sources
from slipstream.storage.config.model import DESCRIPTIONS, json_schema
from slipstream.storage.config.resolve import Resolved, flatten, resolve
from slipstream.storage.config.settings import (
    BOUNDS,
    DEFAULTS,
    Limits,
    Pattern,
    TypeLimits,
    bounded,
    limits,
)
from slipstream.storage.config.sources import Source, Sources
from slipstream.storage.errors import ConfigError

Write = Callable[[str], Path]


def of(text: str | bytes, *, trusted: bool = True) -> Resolved:
    """What one file of this text gives."""
    data = text.encode() if isinstance(text, str) else text
    return resolve(Sources((Source("c.yaml", data, trusted),), ()))


def problem(text: str, *, trusted: bool = True) -> str:
    """The only thing that is wrong with this text."""
    (only,) = of(text, trusted=trusted).problems
    return only


def test_nothing_set_gives_the_defaults() -> None:
    """With no file and no variable, every value is the default."""
    assert resolve(Sources((), ())) == Resolved(DEFAULTS, {}, ())


def test_later_sources_win(
    user_file: Write, repository_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Default, then the user's file, then the repository's, then the environment."""
    user = user_file("summary:\n  max_bytes: 2000\n  item_bytes: 1000\n  max_errors: 5\n")
    repository = repository_file("summary:\n  item_bytes: 1100\n  max_errors: 6\n")
    monkeypatch.setenv("SLIPSTREAM_SUMMARY_MAX_ERRORS", "7")
    config, provenance, problems = resolve(sources.read())
    summary = config.summary
    values = (summary.max_bytes, summary.item_bytes, summary.max_errors, summary.section_bytes)
    assert values == (2000, 1100, 7, DEFAULTS.summary.section_bytes)
    assert provenance == {
        "summary.max_bytes": f"{user}:2",
        "summary.item_bytes": f"{repository}:2",
        "summary.max_errors": "SLIPSTREAM_SUMMARY_MAX_ERRORS",
    }
    assert problems == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sumary: 1", "c.yaml:1: unknown setting sumary (did you mean summary?)"),
        (
            "summary:\n  max_byte: 1",
            "c.yaml:2: unknown setting summary.max_byte (did you mean summary.max_bytes?)",
        ),
        (
            "max_errors: 3",
            "unknown setting max_errors (did you mean summary.max_errors?)",
        ),
        ("zzz: 3", "c.yaml:1: unknown setting zzz"),
        ("summary: 3", "c.yaml:1: summary should hold `name: value` lines"),
        ("- 3", "c.yaml:1: the file should hold `name: value` lines"),
        (
            "summary:\n  max_errors: many",
            "c.yaml:2: summary.max_errors: it should be a valid integer, unable to parse string as "
            "an integer; 25 is used",
        ),
        ("summary:\n  max_errors: true", "summary.max_errors: it should be a number; 25 is used"),
        ("summary:\n  redact: perhaps", "c.yaml:2: summary.redact: it should be a valid boolean"),
        ("summary:\n  max_bytes: 12", "summary.max_bytes is 12, but it should be greater than or"),
        ("summary:\n  max_bytes: 12", "1,024 is used"),
        ("log: {level: loud}", "log.level: it should be 'debug', 'info', 'warning' or 'error'"),
        ("mode: local\n", "air-gapped is used"),
        ("mode: burst\nmode: burst", "c.yaml:2: mode is set twice; this one is used"),
        ("a: [", "c.yaml:1: not valid YAML"),
        ("a: \x00", "c.yaml: not valid YAML"),
        ("[" * 5000, "nested too deeply"),
        ("summary: !!python/name:os.system", "summary should hold"),
        ("mode: !!python/name:os.system", "air-gapped is used"),
        ("patterns: 3", "c.yaml:1: patterns should be a list"),
        (
            "summary:\n  types:\n    pytest:\n      max_byte: 1",
            "c.yaml:4: unknown setting summary.t",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_rest_goes_on(text: str, said: str) -> None:
    """One sentence for each, and never an exception."""
    assert said in problem(text)


def test_a_wrong_value_leaves_the_one_before_it(user_file: Write, repository_file: Write) -> None:
    """A mistake in the repository's file does not undo what the user set."""
    user_file("summary:\n  max_errors: 5\n")
    repository_file("summary:\n  max_errors: lots\n")
    resolved = resolve(sources.read())
    assert resolved.config.summary.max_errors == 5
    assert "5 is used" in resolved.problems[0]


def test_a_value_out_of_bounds_becomes_the_nearest_allowed() -> None:
    """Below the least it is the least, above the largest the largest."""
    summary = of("summary: {max_bytes: 1, max_errors: 99999}").config.summary
    assert (summary.max_bytes, summary.max_errors) == (1024, 10_000)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2048k", 2 * 1024**2),
        ("5 GiB", 5 * 1024**3),
        ("1.5MiB", 1536 * 1024),
        ("2097152", 2 * 1024**2),
    ],
)
def test_a_size_may_have_a_unit(written: str, value: int) -> None:
    """Units are powers of 1,024."""
    assert of(f"retention: {{max_bytes: {written}}}").config.retention.max_bytes == value


def test_a_wrong_url_ends_the_command_and_is_not_repeated() -> None:
    """Going on would keep results elsewhere; and the value may hold a password."""
    with pytest.raises(ConfigError, match=r"c.yaml:1: storage.redis_url cannot be used") as error:
        of("storage: {redis_url: 'u:hunter2@host'}")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mode: burst", "cannot open the mode from local-only to burst"),
        ("summary: {redact: false}", "cannot turn redaction off"),
        ("retention: {days: 1}", "your own file only"),
        ("storage: {database_url: 'postgresql://host/db'}", "your own file only"),
    ],
)
def test_a_repository_cannot_take_away_what_protects_the_user(text: str, said: str) -> None:
    """A clone of a minute ago must not send data elsewhere, show secrets or prune logs."""
    assert said in problem(text, trusted=False)
    assert of(text, trusted=False).config == DEFAULTS
    assert of(text).problems == ()


def test_a_repository_can_close_the_mode() -> None:
    """Closing further is no danger."""
    assert of("mode: air-gapped", trusted=False).config.mode == "air-gapped"


def test_limits_per_type_override_those_for_all() -> None:
    """An option wins over a profile, a profile over a type, a type over what holds for all."""
    config = of("summary: {types: {py.test: {max_bytes: 4k, max_errors: 3}}}").config
    assert config.summary.types == {"py.test": TypeLimits(max_bytes=4096, max_errors=3)}
    assert limits(config, "py.test") == Limits(4096, 5120, 2048, 3)
    assert limits(config, "py.test", "llm").max_bytes == 8192
    assert limits(config, "py.test", "llm", 2000).max_bytes == 2000
    assert limits(config) == Limits(10240, 5120, 2048, 25)


def test_bounded_names_the_nearest_allowed_value() -> None:
    """A limit below 1,024 becomes 1,024, and a sentence says so."""
    assert bounded("summary.max_bytes", 2000, "--max-bytes") == (2000, None)
    value, said = bounded("summary.max_bytes", 10, "--max-bytes")
    assert value == 1024
    assert said == "--max-bytes 10 is outside 1,024 to 1,048,576; 1,024 is used."


def test_an_unknown_variable_is_named_with_the_nearest_right_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SLIPSTREAM_ variables that are no settings are not passed over."""
    monkeypatch.setenv("SLIPSTREAM_SUMMARY_MAXBYTES", "3")
    (said,) = resolve(sources.read()).problems
    assert said == (
        "SLIPSTREAM_SUMMARY_MAXBYTES: no such setting (did you mean SLIPSTREAM_SUMMARY_MAX_BYTES?);"
        " it is ignored"
    )


PATTERNS = """\
patterns:
  - name: good
    regex: 'ERR (?P<code>\\d+) (?P<message>.*)'
    example: ERR 7 broken
  - name: open
    regex: '(?P<message>'
  - name: odd
    regex: 'x (?P<mesage>.*)'
  - name: no match
    regex: 'abc'
    example: xyz
  - regex: 'nameless'
  - name: severe
    regex: 'x'
    severity: deadly
  - name: extra
    regex: 'y'
    colour: red
  - 7
"""


def test_an_invalid_pattern_is_left_out_with_its_line_and_the_rest_works() -> None:
    """Each mistake has a sentence; what can be used is."""
    resolved = of(PATTERNS)
    assert [p.name for p in resolved.config.patterns] == ["good", "odd", "extra"]
    good = resolved.config.patterns[0]
    assert good == Pattern("good", r"ERR (?P<code>\d+) (?P<message>.*)", "error", "",
                           "ERR 7 broken", "c.yaml:3")  # fmt: skip
    assert resolved.provenance["patterns"] == "c.yaml:3, c.yaml:8, c.yaml:17"
    for said in (
        "c.yaml:6: pattern open: missing ), unterminated subpattern",
        "c.yaml:8: pattern odd: group mesage has no meaning (did you mean message?)",
        "c.yaml:10: pattern no match: it does not match its example",
        "c.yaml:12: name of a pattern: is missing; it is left out",
        "c.yaml:15: severity of a pattern: input should be 'fatal', 'error'",
        "c.yaml:18: unknown field colour of a pattern",
        "c.yaml:19: a pattern should hold `name: value` lines",
    ):
        assert any(p.startswith(said) for p in resolved.problems), (said, resolved.problems)
    assert len(resolved.problems) == 7


def test_the_scan_engine_has_the_last_word_on_a_pattern() -> None:
    """What it refuses is left out with its reason."""

    def check(patterns: Sequence[Pattern]) -> list[str | None]:
        return ["look-around" if "(?=" in p.regex else None for p in patterns]

    text = "patterns:\n  - {name: a, regex: 'x(?=y)'}\n  - {name: b, regex: 'x'}\n"
    resolved = resolve(Sources((Source("c.yaml", text.encode(), True),), ()), check)
    assert [p.name for p in resolved.config.patterns] == ["b"]
    assert resolved.problems == ("c.yaml:2: pattern a: look-around; it is left out",)


def test_the_last_pattern_of_a_name_holds() -> None:
    """A repository's pattern replaces the user's of the same name."""
    text = "patterns:\n  - {name: a, regex: one}\n  - {name: a, regex: two}\n"
    assert [p.regex for p in of(text).config.patterns] == ["two"]


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda t: t.encode("utf-8", "replace")))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_file_whatever_it_holds_raises(data: bytes) -> None:
    """Bytes that are no YAML, no UTF-8 or no mapping become problems at most."""
    assert of(data).config.summary.max_bytes >= 1024


def test_an_unreadable_or_endless_file_is_named(user_file: Write, repository_file: Write) -> None:
    """A folder in place of the file, a file of megabytes, a file that is named but missing."""
    path = user_file("mode: burst")
    path.unlink()
    assert "does not exist, but SLIPSTREAM_CONFIG names it" in resolve(sources.read()).problems[0]
    path.mkdir()
    assert f"{path} cannot be read" in resolve(sources.read()).problems[0]
    repository_file("#" * 300_000)
    assert "is larger than 262,144 bytes" in resolve(sources.read()).problems[1]


def test_a_repository_file_counts_up_to_the_root_of_its_repository(
    repository_file: Write, tmp_path: Path
) -> None:
    """The nearest one counts; one above the root, or above a folder of no repository, does not."""
    root = repository_file("mode: air-gapped").parent
    assert sources.repository_file(str(root / "src" / "deep")) == str(root / ".slipstream.yaml")
    (root / "src" / ".slipstream.yaml").touch()
    assert sources.repository_file(str(root / "src" / "deep")) == str(
        root / "src" / ".slipstream.yaml"
    )
    (tmp_path / ".slipstream.yaml").touch()
    (root / ".slipstream.yaml").unlink()
    assert sources.repository_file(str(root)) is None
    (tmp_path / "elsewhere").mkdir()
    assert sources.repository_file(str(tmp_path / "elsewhere")) is None
    assert sources.repository_file(str(tmp_path)) == str(tmp_path / ".slipstream.yaml")


def test_every_setting_has_a_description_and_numbers_have_bounds() -> None:
    """A setting that was added without them would be missing in the documentation."""
    flat = flatten(DEFAULTS)
    assert set(flat) <= set(DESCRIPTIONS)
    numbers = {k for k, v in flat.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    assert numbers == set(BOUNDS)


def test_the_schema_describes_the_settings() -> None:
    """An editor completes and checks with it."""
    schema = json_schema()
    assert set(schema["properties"]) == set(DEFAULTS._fields)
    assert schema["additionalProperties"] is False
