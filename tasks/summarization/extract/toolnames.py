"""Which tool printed a diagnostic whose format many tools share.

In this order: the command that was run, the form of the rule's code, the file's extension.
"""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import rx

_COMPILERS = frozenset(
    "gcc clang nvcc msvc csc rustc tsc javac kotlinc scalac groovyc go swiftc ghc ocaml elixir "
    "erlc dart gfortran gnat nim zig haxe crystal protoc verilator as ld php perl ruby python lua "
    "latex solc dmd valac cython swig coffee elm purs gleam typst terraform compiler dotnet ecj vet".split()
)

_LINTERS = frozenset(
    "ruff flake8 pycodestyle pydocstyle pylint mypy pyright basedpyright bandit black isort pyflakes "
    "vulture eslint standard xo oxlint biome tslint stylelint prettier jshint jscs remark textlint "
    "golangci-lint staticcheck revive golint gosec go-consistent errcheck ineffassign shellcheck "
    "shfmt bashate rubocop standardrb reek fasterer brakeman haml-lint slim-lint erb-lint phpcs "
    "phpstan psalm phan phpmd hlint yamllint markdownlint markdownlint-cli2 hadolint ansible-lint "
    "checkstyle pmd spotbugs ktlint detekt scalastyle luacheck cppcheck clang-tidy cpplint "
    "cmake-lint vale misspell typos codespell actionlint buf protolint sqlfluff credo dialyzer "
    "swiftlint dotenv-linter puppet-lint tflint semgrep sorbet steep djlint htmlhint pyre ty "
    "proselint write-good alex zizmor selene stylua nimsuggest verible svlint vint rstcheck doc8 "
    "lintr cfn-lint kube-linter".split()
)

_CODES = (
    (r"-(W|f|pedantic)", "gcc"),
    (r"TS\d", "tsc"),
    (r"SC\d{4}", "shellcheck"),
    (r"DL\d{4}", "hadolint"),
    (r"MD\d{3}", "markdownlint"),
    (r"(clang-analyzer|clang-diagnostic|bugprone|modernize|readability|cppcoreguidelines|misc|cert"
     r"|hicpp|abseil|llvm|portability)-", "clang-tidy"),
    (r"report[A-Z]", "pyright"),
    (r"clippy::", "clippy"),
    (r"(Layout|Style|Lint|Metrics|Naming|Security|Rails|RSpec|Performance|Bundler|Gemspec)/", "rubocop"),
)  # fmt: skip
"""Codes that one tool alone uses, whatever the file."""

_COMMON_CODES = (
    (r"(CS|NETSDK|MSB|CA|SA|IDE|NU|AD|VSTHRD|FS|BC)\d{4}", "dotnet"),
    (r"(C|LNK|D|RC|CVT|NMAKE|U)\d{4}", "msvc"),
    (r"E\d{4}$", "rustc"),
)
"""Codes that say which tool it is where the file's extension does not."""

_C_CODES = ((r"[a-z][A-Za-z]*$", "cppcheck"),)
_CODES_BY_EXTENSION = {
    "c": _C_CODES, "cc": _C_CODES, "cpp": _C_CODES, "cxx": _C_CODES, "h": _C_CODES, "hpp": _C_CODES,
    "go": ((r"(SA|S|ST|QF|U)\d{4}", "staticcheck"), (r"G\d{3}", "gosec"), (r"[a-z]", "golangci-lint")),
    "py": (
        (r"[CRWEFI]\d{4}", "pylint"), (r"[CRWEF]:", "pylint"), (r"B[1-7]\d\d", "bandit"),
        (r"[A-Z]{1,4}\d{2,4}", "flake8"), (r"[a-z]+(-[a-z]+)*$", "mypy"),
        (r"\w+Warning$", "python"), (r"SyntaxError", "python"),
    ),
    "rb": ((r"[A-Z]\w+(/\w+)+", "rubocop"), (r"[A-Z]\w+$", "reek")),
    "yml": ((r"[a-z]", "yamllint"), (r"E\d", "ansible-lint")),
    "yaml": ((r"[a-z]", "yamllint"), (r"E\d", "ansible-lint")),
    "swift": ((r"[a-z]+(_[a-z]+)*$", "swiftlint"),),
    "php": ((r"[A-Z]", "psalm"), (r"\w+\.\w+", "phpstan")),
    "lua": ((r"[WE]\d{3}", "luacheck"),),
    "kt": ((r"[A-Z]\w+$", "detekt"), (r"[a-z-]+", "ktlint")),
    "java": ((r"[A-Z]\w+$", "checkstyle"),),
    "js": ((r"[\w@/-]+$", "eslint"),),
    "ts": ((r"[\w@/-]+$", "eslint"),),
    "css": ((r"[\w/-]+$", "stylelint"),),
}  # fmt: skip

_EXTENSIONS = {
    tool: extensions.split()
    for tool, extensions in {
        "gcc": "c cc cpp cxx c++ h hh hpp hxx h++ inl ipp tcc m mm def i ii",
        "nvcc": "cu cuh", "rustc": "rs", "go": "go", "tsc": "ts tsx mts cts", "javac": "java",
        "kotlinc": "kt kts", "scalac": "scala sc", "groovyc": "groovy", "csc": "cs vb fs",
        "swiftc": "swift", "ghc": "hs lhs hsc", "ocaml": "ml mli mll mly", "elixir": "ex exs",
        "erlc": "erl hrl xrl yrl", "dart": "dart", "gfortran": "f f77 f90 f95 f03 f08 for",
        "gnat": "adb ads", "nim": "nim nims", "zig": "zig zon", "haxe": "hx", "crystal": "cr",
        "protoc": "proto", "verilator": "v sv svh vh vhd", "as": "s asm", "php": "php phtml",
        "perl": "pl pm t", "lua": "lua", "latex": "tex sty cls bib", "solc": "sol", "dmd": "d",
        "valac": "vala vapi", "cython": "pyx pxd", "coffee": "coffee", "elm": "elm",
        "purs": "purs", "gleam": "gleam", "typst": "typ", "terraform": "tf tfvars hcl",
        "python": "py pyi", "ruby": "rb rake gemspec", "shell": "sh bash zsh", "javascript":
        "js jsx mjs cjs vue svelte", "stylelint": "css scss less sass", "yaml": "yml yaml",
        "markdown": "md markdown mdx", "haml-lint": "haml", "slim-lint": "slim", "erb-lint": "erb",
        "docker": "dockerfile", "puppet-lint": "pp", "sql": "sql", "json": "json",
    }.items()
}  # fmt: skip

_OF_EXTENSION = {e: tool for tool, extensions in _EXTENSIONS.items() for e in extensions}


_OTHER_EXTENSIONS = frozenset(
    "txt xml html htm toml ini cfg conf cmake mk mak gradle properties env vim el clj cljs r jl rst "
    "adoc csv lock service graphql gql wsdl xsd xsl j2 erb tpl jinja jbuilder ipynb bzl bazel nix "
    "ps1 psm1 bat fish awk sed".split()
)


def known_extension(file: str) -> bool:
    """Whether a name without a folder ends like a source file."""
    extension = file.rpartition(".")[2].lower()
    return extension in _OF_EXTENSION or extension in _OTHER_EXTENSIONS


def command_tool(doc: Document) -> str:
    """The compiler or linter that the command line runs, or "" when it names none."""
    for word in doc.command[:6]:
        name = word.replace("\\", "/").rpartition("/")[2].removesuffix(".exe")
        if name in _LINTERS:
            return name
    return ""


def tool_of(doc: Document, file: str, code: str, message: str = "") -> tuple[str, str]:
    """Name and kind ("compiler" or "lint") of the tool that reported `code` in `file`."""
    name = command_tool(doc)
    base = file.replace("\\", "/").rpartition("/")[2].lower()
    extension = base.rpartition(".")[2]
    if not name and code:
        forms = (*_CODES, *_CODES_BY_EXTENSION.get(extension, ()), *_COMMON_CODES)
        name = next((tool for form, tool in forms if rx(form).match(code)), "")
        if name in ("flake8", "bandit", "mypy") and ("`" in message or code == "invalid-syntax"):
            name = "ruff"  # it quotes code with backticks, the others with apostrophes
        if name == "flake8" and any(t.startswith(("Found ", "[*] ")) for t in doc.texts[-4:]):
            name = "ruff"  # flake8 has no closing line
    if base == "cargo.toml":
        return "cargo", "compiler"
    if not name:
        name = _OF_EXTENSION.get(extension, "")
    if not name:
        return "lint", "lint"
    return name, "compiler" if name in _COMPILERS else "lint"
