"""Which language a file is in, by its name, else by its first line.

Languages without a grammar have a name of their own all the same, so that a search can be narrowed
to them; they are read as plain text, whose name is `text`.
"""

import re

TEXT = "text"

_EXTENSIONS = {
    "bash": "sh bash zsh ksh bats ebuild command",
    "c": "c h",
    "cpp": "cc cpp cxx c++ hh hpp hxx h++ inl ipp tcc tpp cu cuh ino",
    "csharp": "cs csx",
    "css": "css scss sass less",
    "csv": "csv tsv",
    "dart": "dart",
    "elixir": "ex exs",
    "erlang": "erl hrl",
    "go": "go",
    "graphql": "graphql gql",
    "groovy": "groovy gradle",
    "haskell": "hs lhs",
    "html": "html htm xhtml jinja jinja2 j2 erb ejs hbs vue svelte",
    "ini": "ini cfg conf properties editorconfig desktop service",
    "java": "java",
    "javascript": "js jsx mjs cjs",
    "json": "json json5 jsonc jsonl ndjson geojson webmanifest",
    "julia": "jl",
    "kotlin": "kt kts",
    "latex": "tex sty cls bib",
    "lua": "lua",
    "make": "mk mak",
    "markdown": "md markdown mdown mkd mdx",
    "nix": "nix",
    "ocaml": "ml mli",
    "perl": "pl pm t",
    "php": "php php3 php4 php5 php7 php8 phtml inc",
    "powershell": "ps1 psm1 psd1",
    "protobuf": "proto",
    "python": "py pyi pyw pyx pxd bzl star",
    "r": "r",
    "rst": "rst rest",
    "ruby": "rb rbw rake gemspec ru podspec",
    "rust": "rs",
    "scala": "scala sc sbt",
    "sql": "sql ddl psql pgsql",
    "swift": "swift",
    "terraform": "tf tfvars hcl",
    "toml": "toml",
    "tsx": "tsx",
    "typescript": "ts mts cts",
    "xml": "xml xsd xsl xslt svg plist csproj vbproj props targets resx xaml",
    "yaml": "yaml yml",
    "zig": "zig",
}

_NAMES = {
    "bash": ".bashrc .bash_profile .bash_aliases .profile .zshrc .zprofile .zshenv PKGBUILD",
    "cmake": "CMakeLists.txt",
    "docker": "Dockerfile Containerfile",
    "groovy": "Jenkinsfile",
    "ini": ".gitconfig .gitmodules .npmrc .flake8 .pylintrc .coveragerc",
    "json": ".eslintrc .babelrc .prettierrc .jshintrc",
    "make": "Makefile makefile GNUmakefile",
    "python": "SConstruct SConscript BUILD WORKSPACE",
    "ruby": "Rakefile Gemfile Guardfile Vagrantfile Podfile Fastfile Brewfile",
    "yaml": ".clang-format .clang-tidy",
}

_INTERPRETERS = {
    "bash": "sh bash zsh ksh dash ash bats",
    "javascript": "node nodejs bun",
    "lua": "lua luajit",
    "perl": "perl",
    "php": "php",
    "python": "python pypy",
    "r": "Rscript",
    "ruby": "ruby jruby",
    "swift": "swift",
    "typescript": "deno ts-node tsx",
}


def _by_word(words: dict[str, str]) -> dict[str, str]:
    return {word: language for language, line in words.items() for word in line.split()}


_BY_EXTENSION = _by_word(_EXTENSIONS)
_BY_NAME = _by_word(_NAMES)
_BY_INTERPRETER = _by_word(_INTERPRETERS)
NAMES = frozenset((*_EXTENSIONS, *_NAMES, *_INTERPRETERS, TEXT))
"""All languages that a file can be in."""

_SHEBANG = re.compile(
    rb"#!\s*(?:\S*/)?(?:env\s+(?:-S\s*|\w+=\S*\s+)*(?:\S*/)?)?([A-Za-z][A-Za-z-]*)"
)
# A header that begins so is not C: a look at the file's beginning is what can be had cheaply.
_CPP_HEADER = re.compile(
    rb"^[ \t]*(?:class\s+\w|namespace\b|template\s*<|using\s+\w|public:|private:|protected:"
    rb"|#\s*include\s*<[a-z_]+>|constexpr\b|extern\s+\"C\+\+\")",
    re.MULTILINE,
)
HEAD = 4096
"""How many bytes of a file's beginning `of` looks at."""


def of(path: str, head: bytes = b"") -> str:
    """The language of a file; `text` where nothing tells.

    Args:
        path: Its path, with `/`.
        head: Its first `HEAD` bytes, which tell where the name does not.
    """
    name = path.rpartition("/")[2]
    if by_name := _BY_NAME.get(name):
        return by_name
    stem, dot, extension = name.rpartition(".")
    if dot and stem:
        language = _BY_EXTENSION.get(extension) or _BY_EXTENSION.get(extension.lower(), "")
        if extension == "h" and _CPP_HEADER.search(head[:HEAD]):
            return "cpp"
        if language:
            return language
    if name.startswith(("Dockerfile.", "Containerfile.")):
        return "docker"
    if shebang := _SHEBANG.match(head):
        return _BY_INTERPRETER.get(shebang[1].decode(), TEXT)
    return TEXT
