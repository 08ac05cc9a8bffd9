"""Where a CI system says that a step begins: an error outside of the failing step matters less."""

from __future__ import annotations

from slipstream.tasks.summarization.model import Rule

TOOL = "step"

RULES = (
    Rule("step.begin",
         r'travis_time:start:|The command ".*" exited with 0\.|##\[(?:group|section)\]|::group::|'
         r"section_start:\d|^\[Pipeline\] (?:sh|bat|stage|powershell)\b|^#\d+ \[[^\]]*\d+/\d+\] ",
         TOOL, "build", None,
         examples=('The command "make" exited with 0.', "##[group]Run make",
                   "section_start:1560896352:build", "[Pipeline] sh")),
)  # fmt: skip
