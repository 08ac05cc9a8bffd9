"""C and C++: sanitizers, debuggers, signals."""

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.stack_native import RULES
from slipstream.tasks.summarization.model import Finding, Severity


def _all(text: str) -> list[Finding]:
    return findings_of(text, rules=RULES)[0]


ASAN = """\
=================================================================
==25==ERROR: AddressSanitizer: heap-use-after-free on address 0x602 at pc 0x55 bp 0x7f sp 0x7f
READ of size 4 at 0x602 thread T0
    #0 0x7f in __interceptor_memcpy ../../../../src/libsanitizer/asan/asan_interceptors.cpp:69
    #1 0x55 in use /srv/m.c:4
    #2 0x55 in main /srv/m.c:5

0x602 is located 12 bytes inside of 16-byte region
freed by thread T0 here:
    #0 0x7f in __interceptor_free ../../../../src/libsanitizer/asan/asan_malloc_linux.cpp:52

SUMMARY: AddressSanitizer: heap-use-after-free /srv/m.c:4 in use
Shadow bytes around the buggy address:
  0x0c04: 00 00 00 00
=>0x0c05: fa fa fd[fd]
Shadow byte legend (one shadow byte represents 8 application bytes):
  Addressable:           00
==25==ABORTING
after
"""


def test_an_address_sanitizer_s_report_is_one_fatal_finding() -> None:
    (found,) = _all(ASAN)
    assert found.severity is Severity.FATAL
    assert found.span == (1, 18)
    assert found.code == "heap-use-after-free"
    assert (found.file, found.line) == ("/srv/m.c", 4)
    shown = {n for a, b in found.focus for n in range(a, b + 1)}
    assert {2, 3, 5, 12} <= shown


def test_undefined_behaviour_names_file_line_and_column() -> None:
    (found,) = _all("m.c:5:12: runtime error: signed integer overflow: 1 + 2\n")
    assert (found.file, found.line, found.column) == ("m.c", 5, 12)


def test_each_error_of_valgrind_is_a_finding_and_its_summary_the_verdict() -> None:
    findings, tallies = findings_of(
        """\
==26== Memcheck, a memory error detector
==26==
==26== Invalid read of size 4
==26==    at 0x109175: use (m.c:4)
==26==    by 0x1091C0: main (m.c:5)
==26==  Address 0x4a is 12 bytes inside a block of size 16 free'd
==26==    at 0x484417B: free (in /usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so)
==26==
==26== ERROR SUMMARY: 1 errors from 1 contexts (suppressed: 0 from 0)
""",
        rules=RULES,
    )
    (found,) = findings
    assert (found.span, found.file, found.line) == ((3, 7), "m.c", 4)
    assert [f.function for f in found.stack] == ["use", "main"]
    assert tallies[0].counts == (("errors", 1),)
    assert tallies[0].failed


def test_a_signal_under_gdb_has_its_backtrace() -> None:
    (found,) = _all("""\
Program received signal SIGSEGV, Segmentation fault.
0x0000555 in total (cart=0x0) at cart.c:5
5\treturn cart->sum;
#0  0x0000555 in total (cart=0x0) at cart.c:5
#1  0x0000556 in main () at main.c:9
""")
    assert found.severity is Severity.FATAL
    assert [(f.function, f.line) for f in found.stack] == [("total", 5), ("main", 9)]


def test_assertions_of_several_libraries() -> None:
    glibc, mac = _all(
        "prog: a.c:40: check: Assertion `count > 0' failed.\nbetween\n"
        "Assertion failed: (count > 0), function check, file b.c, line 41.\n"
    )
    assert (glibc.file, glibc.line) == ("a.c", 40)
    assert (mac.file, mac.line) == ("b.c", 41)


def test_an_exception_that_nobody_catches_gives_what_it_says() -> None:
    (found,) = _all(
        "terminate called after throwing an instance of 'std::out_of_range'\n"
        "  what():  row 12 of 3\nAborted (core dumped)\n"
    )
    assert found.message == "std::out_of_range: row 12 of 3"
    assert found.span == (1, 3)


def test_a_test_named_after_a_signal_is_not_a_crash() -> None:
    assert _all("PASS handles Segmentation fault in the child [test/segv.c]\n") == []
