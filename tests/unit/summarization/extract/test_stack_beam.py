"""Elixir and Erlang."""

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.stack_beam import RULES
from slipstream.tasks.summarization.model import Finding


def _all(text: str) -> list[Finding]:
    return findings_of(text, rules=RULES)[0]


def test_an_exception_with_blank_lines_in_its_message() -> None:
    (found,) = _all("""\
** (ArgumentError) errors were found at the given arguments:

  * 1st argument: not a binary

    :erlang.binary_to_integer(:x)
    (shop 0.1.0) lib/shop.ex:3: Shop.price/1
    (elixir 1.14.0) lib/code.ex:1245: Code.require_file/2
after
""")
    assert found.span == (1, 7)
    assert found.code == "ArgumentError"
    assert (found.file, found.line) == ("lib/shop.ex", 3)


def test_the_terminating_process_above_belongs_to_the_exception() -> None:
    (found,) = _all("""\
10:00:00.000 [error] GenServer Shop.Cart terminating
** (RuntimeError) boom
    (shop 0.1.0) lib/cart.ex:9: Shop.Cart.handle_call/3
Last message (from #PID<0.1.0>): :total
State: %{}
""")
    assert found.span == (1, 5)
    assert found.message == "** (RuntimeError) boom"


def test_what_mix_says_is_about_the_build() -> None:
    (found,) = _all("** (Mix) Could not start application shop: no file\n")
    assert (found.tool, found.kind) == ("mix", "build")


def test_a_crash_report_gives_its_reason() -> None:
    (found,) = _all("""\
=CRASH REPORT==== 1-Jan-2024::10:00:00.000 ===
  crasher:
    initial call: shop:init/1
    exception error: no match of right hand side value {error,enoent}
      in function  shop:init/1 (src/shop.erl, line 12)

""")
    assert "no match of right hand side" in found.message
    assert found.span == (1, 5)
