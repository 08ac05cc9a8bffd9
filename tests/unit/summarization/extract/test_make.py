"""make, ninja, CMake, autotools."""

from slipstream.tasks.summarization.extract import cmake, make
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Finding, Severity, Tally

RULES = (*make.RULES, *cmake.RULES)


def _read(text: str) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, rules=RULES)


def test_the_makes_that_fail_in_turn_are_one_finding_named_by_the_innermost_target() -> None:
    (found,), (tally,) = _read("""\
make[2]: Entering directory '/srv/sub/leaf'
deploying
make[2]: *** [leaf.mk:3: deploy] Error 127
make[2]: Leaving directory '/srv/sub/leaf'
make[1]: *** [sub.mk:2: all] Error 2
make: *** [Makefile:9: all] Error 2
""")
    assert (found.name, found.file, found.line) == ("deploy", "leaf.mk", 3)
    assert found.span == (3, 6)
    assert tally.failed


def test_old_and_other_forms_of_make() -> None:
    findings, _ = _read(
        "make: *** [all] Error 1\n\n"
        "make: *** No rule to make target 'x.c', needed by 'x'.  Stop.\n\n"
        "Makefile:7: *** missing separator.  Stop.\n"
    )
    assert [(f.name, f.line) for f in findings] == [("all", None), ("", None), ("", 7)]


def test_an_ignored_error_is_no_failure() -> None:
    assert _read("make: [Makefile:3: clean] Error 1 (ignored)\n") == ([], [])


def test_a_killed_recipe_is_fatal() -> None:
    (found,), _ = _read("make: *** [Makefile:3: all] Killed\n")
    assert found.severity is Severity.FATAL


def test_ninja_shows_the_output_that_no_compiler_s_rule_reads() -> None:
    (found,), (tally,) = _read("""\
[1/3] Generating a
FAILED: gen/a.txt
cd /srv && ./generate a.txt
cannot generate
ninja: build stopped: subcommand failed.
""")
    assert (found.name, found.span) == ("gen/a.txt", (2, 4))
    assert tally.failed


def test_a_cmake_error_has_its_text_and_the_user_s_place_in_the_call_stack() -> None:
    (found,), (tally,) = _read("""\
-- The C compiler identification is GNU 12.2.0
CMake Error at /usr/share/cmake-3.25/Modules/FindPackage.cmake:230 (message):
  Could NOT find ZLIB (missing: ZLIB_LIBRARY)
Call Stack (most recent call first):
  /usr/share/cmake-3.25/Modules/FindZLIB.cmake:199 (FIND_PACKAGE)
  CMakeLists.txt:12 (find_package)


-- Configuring incomplete, errors occurred!
""")
    assert found.message == "Could NOT find ZLIB (missing: ZLIB_LIBRARY)"
    assert (found.file, found.line, found.span) == ("CMakeLists.txt", 12, (2, 6))
    assert tally.failed


def test_configure_shows_the_check_that_failed() -> None:
    (found,), _ = _read("""\
checking for gcc... gcc
checking for zlib.h... no
configure: error: zlib is required
See `config.log' for more details
""")
    assert found.message == "configure: error: zlib is required"
    assert (found.span[0] <= 2, found.span[1]) == (True, 4)


def test_meson_names_the_place() -> None:
    (found,), _ = _read('meson.build:3:0: ERROR: Dependency "zlib" not found, tried pkgconfig\n')
    assert (found.file, found.line) == ("meson.build", 3)
