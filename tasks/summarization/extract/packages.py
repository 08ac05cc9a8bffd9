"""Package managers of languages and systems: what could not be resolved, built or installed."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.stack import bare, block, ranges
from slipstream.tasks.summarization.extract.step import indented, paragraph
from slipstream.tasks.summarization.model import Extracted, Rule


def conflict(doc: Document, i: int, rule: Rule) -> Extracted:
    """A resolver's explanation: the line, then indented or listed lines, blank lines between."""
    prefix = doc.texts[i][: len(doc.texts[i]) - len(doc.texts[i].lstrip())]
    last, blanks = i, 0
    for k, line in block(doc, i + 1, prefix, 50):
        if not line.strip():
            blanks += 1
            if blanks > 1:
                break
            continue
        if not rx(
            r"^(?:\s|[-*>|]|Problem|In |Gemfile|Could not|Because|and |So,|Use |Try |rejecting|trying|next goal|fail|\(|After searching|required by|versions that|candidate versions|the package|location searched|perhaps|    )"
        ).match(line):
            break
        blanks, last = 0, k
    return finding(
        doc, rule, i, last, doc.texts[i].strip(), focus=ranges(doc, [(i, min(last, i + 15))])
    )


def extension(doc: Document, i: int, rule: Rule) -> Extracted:
    """Ruby's `ERROR: Failed to build gem native extension.` up to `Results logged to`."""
    last, said = i, ""
    for k, line in doc.forward(i + 1, 120):
        text = line.strip()
        if rx(
            r"^(?:Gem files will remain|Results logged to|An error occurred while installing|In Gemfile:)"
        ).match(text):
            last = k
            if text.startswith("An error occurred"):
                said = text
        elif i < last < k - 4 and rx(r"^\S").match(line) and "extconf" not in text:
            break
        if not said and rx(
            r"^(?:\*\*\* |ERROR: |.*(?: error: |not found|is missing|cannot find))"
        ).match(text):
            said = text
    last = last if last > i else min(i + 20, len(doc) - 1)
    return finding(
        doc, rule, i, last, said or doc.texts[i].strip(),
        focus=ranges(doc, [(i, min(i + 10, last)), (max(i, last - 8), last)]),
    )  # fmt: skip


def cargo(doc: Document, i: int, rule: Rule) -> Extracted:
    """cargo's `error: failed to …` with its `Caused by:` and `--- stderr` parts."""
    at = doc.texts[i].find("error")
    prefix = doc.texts[i][: max(at, 0)]
    last, blanks, root = i, 0, ""
    file, place, pending = "", None, False
    for k, line in block(doc, i + 1, prefix, 200):
        if not line.strip():
            blanks += 1
            if blanks > 1:
                break
            continue
        if not line.startswith((" ", "\t", "Caused by:", "--- ")) and not rx(
            r"^(?:required by|versions that|candidate|location searched|perhaps|note: |help: |process didn't|\.\.\. )"
        ).match(line):
            break
        if pending:
            root, pending = line.strip(), False
        if panic := rx(r"panicked at (?:'(.*)', )?([^\s':]+):(\d+):\d+").search(line):
            file, place = panic[2], number(panic[3])
            root, pending = panic[1] or "", not panic[1]
        elif not root and rx(r"^\s+error: ").search(line):
            root = line.strip().removeprefix("error: ")
        blanks, last = 0, k
    message = bare(doc.texts[i], prefix).strip().removeprefix("error: ")
    return finding(
        doc, rule, i, last, f"{message}: {root}" if root else message, file=file, line=place,
        focus=ranges(doc, [(i, min(i + 6, last)), (max(i, last - 12), last)]),
    )  # fmt: skip


def nix(doc: Document, i: int, rule: Rule) -> Extracted:
    """`error: builder for '/nix/store/x.drv' failed` and the quoted last lines of its log."""
    last = i
    for k, line in doc.forward(i + 1, 40):
        if not rx(r"^\s+(?:>|last \d+ log lines|For full logs|error:|note:)|^\s{6,}\S").match(line):
            break
        last = k
    return finding(doc, rule, i, last, doc.texts[i].strip())


RULES: tuple[Rule, ...] = (
    Rule(
        "bundler.resolve", r"Could not find gem '|Bundler could not find compatible versions|Could not find compatible versions|"
        r"Your Ruby version is .*, but your Gemfile|Could not locate Gemfile|"
        r"An error occurred while installing \S+ \(|Your bundle (?:is locked|only supports)|Could not find \S+ in (?:any of|locally)|"
        r"The bundle (?:currently has|is currently)|You have already activated \S+",
        "bundler", "build", extract=conflict, weight=18,
        examples=("Could not find gem 'x' in rubygems repository", "An error occurred while installing x (1.0), and Bundler cannot continue."),
    ),
    Rule(
        "bundler.extension", r"Failed to build gem native extension", "bundler", "build",
        extract=extension, weight=20,
        examples=("Gem::Ext::BuildError: ERROR: Failed to build gem native extension.",),
    ),
    Rule(
        "gem.error", r"ERROR:  (?:Error installing|Could not find a valid gem|While executing gem|Loading command|Can't use)",
        "gem", "build", extract=indented, weight=18,
        examples=("ERROR:  Error installing x:",),
    ),
    Rule(
        "composer.resolve", r"Your requirements could not be resolved to an installable set|"
        r"Your lock file does not contain a compatible set", "composer", "build",
        extract=conflict, weight=20,
        examples=("Your requirements could not be resolved to an installable set of packages.",),
    ),
    Rule(
        "composer.script", r"Script .+ (?:handling the \S+ event )?returned with error code \d+", "composer", "build",
        weight=22,
        examples=("Script phpunit handling the test event returned with error code 1",),
    ),
    Rule(
        "cargo.resolve", r"failed to select a version for|no matching package named|failed to run custom build command for|"
        r"failed to (?:parse manifest|load manifest|get `|load source|parse lock|download|fetch|verify|compile `)|"
        r"could not find `Cargo\.toml`|the lock file .* needs to be updated|no matching package for override|"
        r"process didn't exit successfully: `|failed to resolve patches|package ID specification|"
        r"cyclic package dependency|failed to determine (?:package|list)",
        "cargo", "build", extract=cargo, weight=20,
        examples=("error: failed to select a version for the requirement `x = \"^9\"`",
                  "error: failed to run custom build command for `openssl-sys v0.9`"),
    ),
    Rule(
        "go.module", r"\bgo: (?:\S+@\S+|updates to go\.|errors parsing|cannot find|module |no modules |downloading \S+ .*error|inconsistent|"
        r"go\.mod)|no required module provides package|missing go\.sum entry|"
        r"cannot find module providing package|cannot find package \"|malformed module path|"
        r"is not in (?:GOROOT|std)\b|ambiguous import: found package",
        "go", "build", extract=indented, weight=15,
        examples=("main.go:4:2: no required module provides package example.org/x; to add it:",
                  "go: example.org/x@v1.0.0: reading example.org/x/go.mod: 404 Not Found"),
    ),
    Rule(
        "hex.resolve", r"Failed to use \"\S+\" \(version|Hex dependency resolution failed|"
        r"Unchecked dependencies for environment|could not compile dependency :", "mix", "build",
        extract=paragraph, weight=16,
        examples=('Failed to use "x" (version 1.0) because',),
    ),
    Rule(
        "rebar.failed", r"===> (?:\x1b\[[0-9;]*m)*(?:Compiling .* failed|Failed|Dependency failure|Unable to|Error|Errors|Plugin|Command|"
        r"Package not found|Verification failed|Uncaught error|Hook for .* failed)", "rebar3", "build",
        extract=paragraph, weight=18,
        examples=("===> Compiling src/a.erl failed", "===> Failed to fetch and copy dep: x"),
    ),
    Rule(
        "cabal.resolve", r"Could not resolve dependencies:|cabal: Failed to build|cabal: Cannot build|"
        r"Some packages failed to install|setup: The program|Error: (?:\[Cabal-\d+\]|cabal: )|"
        r"cabal: At least the following dependencies are missing|Setup: Encountered missing",
        "cabal", "build", extract=conflict, weight=18,
        examples=("cabal: Could not resolve dependencies:",),
    ),
    Rule(
        "stack.failed", r"While (?:building|constructing the) (?:package|simple|custom|build plan)|Error: \[S-\d+\]|"
        r"Process exited with code: ExitFailure", "stack", "build", extract=indented, weight=18,
        examples=("--  While building package app-0.1 using:", "Process exited with code: ExitFailure 1"),
    ),
    Rule(
        "opam.failed", r"#=== ERROR while |\[ERROR\] (?:The compilation of|The installation of|No package named|"
        r"Package conflict|Sorry, no solution)|No solution found, exiting|The following actions failed",
        "opam", "build", extract=conflict, weight=18,
        examples=("#=== ERROR while compiling x.1.0 ===#",),
    ),
    Rule(
        "luarocks.error", r"^Error: (?:No results matching query|Could not satisfy|Failed installing dependency|"
        r"Build error|Failed unpacking|Could not fetch)", "luarocks", "build", weight=16,
        examples=("Error: No results matching query were found.",),
    ),
    Rule(
        "cpan.failed", r"^! (?:Installing|Couldn't find|Configure failed|Testing|Finding|Failed to)|"
        r"-> FAIL |make (?:test )?(?:had returned bad status|NOT OK)|^Warning: prerequisite \S+ .*not found",
        "cpan", "build", weight=14,
        examples=("! Installing the dependencies failed: Module 'X' is not installed",),
    ),
    Rule(
        "apt.error", r"(?:^|[\s\]|Z])E: [A-Z]\S* |dpkg: error|Errors were encountered while processing:|"
        r"trying to overwrite '|Unmet dependencies|has no installation candidate|"
        r"Depends: .* but it is not (?:going to be installed|installable)",
        "apt", "build", extract=indented, weight=16,
        examples=("E: Unable to locate package foo", "dpkg: error processing package x (--configure):"),
    ),
    Rule(
        "system.package", r"No package \S+ available|Error: Unable to find a match|Error: Nothing to do|"
        r"Error: No (?:available formula|such keg)|No available formula|unable to select packages:|error: target not found: |"
        r"Error: .*(?:already installed|formulae? .* not found)|Cannot find a valid baseurl|"
        r"Chocolatey installed \d+/\d+ packages\. [1-9]\d* packages? failed|error: failed to (?:prepare|commit) transaction",
        "packages", "build", extract=indented, weight=15,
        examples=("Error: Unable to find a match: foo", "ERROR: unable to select packages:"),
    ),
    Rule(
        "nix.builder", r"error: builder for '|error: build of '|dependencies couldn't be built", "nix", "build",
        extract=nix, weight=20,
        examples=("error: builder for '/nix/store/x.drv' failed with exit code 1;",),
    ),
    Rule(
        "pod.error", r"^\[!\] [A-Z]", "cocoapods", "build", extract=indented, weight=14,
        examples=("[!] CocoaPods could not find compatible versions for pod \"X\":",),
    ),
    Rule(
        "swiftpm.error", r"error: (?:Dependencies could not be resolved|the package .* (?:requires|cannot)|no such module '|"
        r"package at|terminated\(\d+\)|root manifest not found)|xcodebuild: error: ",
        "swift", "build", extract=indented, weight=15,
        examples=("xcodebuild: error: Unable to find a destination matching the provided destination specifier:",),
    ),
)  # fmt: skip
