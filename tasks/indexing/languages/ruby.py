"""Ruby."""

from slipstream.tasks.indexing.languages import Description

DESCRIPTION = Description(
    package="tree_sitter_ruby",
    definitions={
        "class": "(class name: (_) @name) @it",
        "module": "(module name: (_) @name) @it",
        "function": "(program (method name: (_) @name) @it)",
        "method": """
            (method name: (_) @name) @it
            (singleton_method name: (_) @name) @it
            (alias name: (_) @name) @it
        """,
        "property": """
            (call !receiver method: (identifier) @maker
              arguments: (argument_list (simple_symbol) @name)) @it
        """,
        "constant": "(assignment left: (constant) @name) @it",
    },
    references="""
        (call method: (identifier) @name)
        (call receiver: (constant) @name)
        (call receiver: (scope_resolution name: (constant) @name))
        (superclass (constant) @name)
        (superclass (scope_resolution name: (constant) @name))
        (call method: (identifier) arguments: (argument_list (constant) @name))
    """,
    separator="::",
    comments=(b"#",),
    block=(b"=begin", b"=end"),
    makers=frozenset((b"attr_accessor", b"attr_reader", b"attr_writer")),
    constructors=frozenset(("initialize",)),
)
