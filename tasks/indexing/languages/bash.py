"""Shell: sh, bash, zsh as far as they agree."""

from slipstream.tasks.indexing.languages import Description

DESCRIPTION = Description(
    package="tree_sitter_bash",
    definitions={
        "function": "(function_definition name: (_) @name) @it",
        "variable": """
            (program (variable_assignment name: (variable_name) @name) @it)
            (program (declaration_command
              (variable_assignment name: (variable_name) @name) @it))
        """,
    },
    references="(command name: (command_name (word) @name))",
    comments=(b"#",),
    block=None,
)
