""".NET and PowerShell."""

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.stack_dotnet import RULES
from slipstream.tasks.summarization.model import Finding, Severity


def _all(text: str) -> list[Finding]:
    return findings_of(text, rules=RULES)[0]


def test_an_unhandled_exception_with_an_inner_one() -> None:
    (found,) = _all("""\
Unhandled exception. System.InvalidOperationException: outer
 ---> System.FormatException: bad number
   at System.Int32.Parse(String s)
   at Shop.Prices.Read(String row) in /src/Prices.cs:line 18
   --- End of inner exception stack trace ---
   at Shop.Program.Main(String[] args) in /src/Program.cs:line 5
Aborted
""")
    assert found.severity is Severity.FATAL
    assert found.code == "System.InvalidOperationException"
    assert found.span == (1, 6)
    assert [(c.code, c.message) for c in found.causes] == [("System.FormatException", "bad number")]
    assert (found.file, found.line) == ("/src/Prices.cs", 18)


def test_a_logged_exception_is_read_from_its_header() -> None:
    (found,) = _all("""\
some line
System.IO.FileNotFoundException: no file
   at System.IO.File.Open(String path, FileMode mode)
   at Shop.Files.Load() in C:\\src\\Files.cs:line 7
next
""")
    assert (found.span, found.severity) == ((2, 4), Severity.ERROR)
    assert (found.file, found.line) == ("C:\\src\\Files.cs", 7)


def test_a_powershell_record_reaches_from_its_message_to_the_error_s_id() -> None:
    (found,) = _all("""\
building
Get-Item : Cannot find path 'C:\\x' because it does not exist.
At C:\\build\\make.ps1:12 char:3
+   Get-Item x
+   ~~~~~~~~~~
    + CategoryInfo          : ObjectNotFound: (C:\\x:String) [Get-Item], ItemNotFoundException
    + FullyQualifiedErrorId : PathNotFound,Microsoft.PowerShell.Commands.GetItemCommand

""")
    assert found.span == (2, 7)
    assert (found.file, found.line, found.column) == ("C:\\build\\make.ps1", 12, 3)
    assert found.code == "ItemNotFoundException"


def test_powershell_s_concise_view_gives_the_last_line_as_message() -> None:
    (found,) = _all("""\
Exception: /srv/a.ps1:3
Line |
   3 |  throw "no config"
     |  ~~~~~~~~~~~~~~~~~
     | no config
""")
    assert (found.message, found.file, found.line) == ("no config", "/srv/a.ps1", 3)
