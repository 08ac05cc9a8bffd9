"""Python."""

from slipstream.tasks.indexing.languages import Description

DESCRIPTION = Description(
    package="tree_sitter_python",
    definitions={
        "class": "(class_definition name: (_) @name) @it",
        "function": "(function_definition name: (_) @name) @it",
        "variable": """
            (module (expression_statement (assignment left: (identifier) @name) @it))
            (class_definition body:
              (block (expression_statement (assignment left: (identifier) @name) @it)))
        """,
        "type": "(type_alias_statement left: (type . (identifier) @name)) @it",
    },
    references="""
        (call function: (identifier) @name)
        (call function: (attribute attribute: (identifier) @name))
        (class_definition superclasses: (argument_list (identifier) @name))
        (class_definition superclasses: (argument_list (attribute attribute: (_) @name)))
        (decorator (identifier) @name)
        (decorator (attribute attribute: (identifier) @name))
        (import_from_statement name: (dotted_name (identifier) @name .))
        (import_from_statement name: (aliased_import name: (dotted_name (identifier) @name .)))
        (import_statement name: (dotted_name (identifier) @name .))
        (import_statement name: (aliased_import name: (dotted_name (identifier) @name .)))
        (type (identifier) @name)
        (type (attribute attribute: (identifier) @name))
    """,
    comments=(b"#",),
    block=None,
    docstring=True,
    above=(b"@",),
    constructors=frozenset(("__init__", "__new__")),
)
