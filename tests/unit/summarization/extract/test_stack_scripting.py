"""The stacks of further languages."""

import pytest

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.stack_scripting import RULES

CASES = {
    "perl": (
        "Can't locate Shop/Cart.pm in @INC (you may need to install it) at a.pl line 3.\n"
        "BEGIN failed--compilation aborted at a.pl line 3.\nafter\n",
        "Can't locate Shop/Cart.pm in @INC (you may need to install it) at a.pl line 3.",
        "a.pl", 3, (1, 2),
    ),
    "lua": (
        "lua: shop.lua:3: attempt to index a nil value\nstack traceback:\n"
        "\t[C]: in function 'error'\n\tshop.lua:3: in function 'total'\n"
        "\tshop.lua:9: in main chunk\n\t[C]: in ?\nafter\n",
        "lua: shop.lua:3: attempt to index a nil value", "shop.lua", 3, (1, 6),
    ),
    "r": (
        "Error in total(cart) : object 'prices' not found\nCalls: main -> total\n"
        "Execution halted\nafter\n",
        "Error in total(cart) : object 'prices' not found", "", None, (1, 3),
    ),
    "haskell": (
        "shop: Prelude.head: empty list\nCallStack (from HasCallStack):\n"
        "  error, called at libraries/base/GHC/List.hs:1646:3 in base:GHC.List\n"
        "  total, called at app/Main.hs:9:5 in main:Main\nafter\n",
        "shop: Prelude.head: empty list", "app/Main.hs", 9, (1, 4),
    ),
    "ocaml": (
        'Fatal error: exception Failure("no price")\n'
        'Raised at Stdlib.failwith in file "stdlib.ml", line 29, characters 17-33\n'
        'Called from Shop.total in file "bin/shop.ml", line 4, characters 2-20\nafter\n',
        'Fatal error: exception Failure("no price")', "bin/shop.ml", 4, (1, 3),
    ),
    "swift": (
        "Shop/Cart.swift:21: Fatal error: Index out of range\nafter\n",
        "Shop/Cart.swift:21: Fatal error: Index out of range", "Shop/Cart.swift", 21, (1, 1),
    ),
    "julia": (
        "ERROR: LoadError: BoundsError: no price\nStacktrace:\n"
        " [1] getindex(A::Vector{Int64}, i1::Int64)\n   @ Base ./essentials.jl:13\n"
        " [2] total()\n   @ Main /srv/shop.jl:3\n"
        "in expression starting at /srv/shop.jl:9\nafter\n",
        "ERROR: LoadError: BoundsError: no price", "/srv/shop.jl", 3, (1, 7),
    ),
    "dart": (
        "Unhandled exception:\nBad state: no price\n"
        "#0      total (file:///srv/shop.dart:3:5)\n#1      main (file:///srv/main.dart:9:3)\nafter\n",
        "Bad state: no price", "file:///srv/shop.dart", 3, (1, 4),
    ),
    "clojure": (
        "Execution error (ArithmeticException) at shop.core/total (core.clj:3).\n"
        "Divide by zero\n\nFull report at:\n",
        "Divide by zero", "core.clj", 3, (1, 2),
    ),
    "emacs": (
        'Debugger entered--Lisp error: (error "no price")\n  signal(error ("no price"))\n'
        '  error("no price")\n  total()\nafter\n',
        'Debugger entered--Lisp error: (error "no price")', "", None, (1, 4),
    ),
}  # fmt: skip


@pytest.mark.parametrize("language", CASES)
def test_a_stack_is_one_finding_with_message_place_and_span(language: str) -> None:
    text, message, file, line, span = CASES[language]
    (found,), _ = findings_of(text, rules=RULES)
    assert (found.message, found.file, found.line, found.span) == (message, file, line, span)
