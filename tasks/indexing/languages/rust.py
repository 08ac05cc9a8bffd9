"""Rust."""

from slipstream.tasks.indexing.languages import Description

DESCRIPTION = Description(
    package="tree_sitter_rust",
    definitions={
        "function": """
            (function_item name: (_) @name) @it
            (function_signature_item name: (_) @name) @it
        """,
        "struct": """
            (struct_item name: (_) @name) @it
            (union_item name: (_) @name) @it
        """,
        "enum": "(enum_item name: (_) @name) @it",
        "trait": "(trait_item name: (_) @name) @it",
        "type": """
            (type_item name: (_) @name) @it
            (associated_type name: (_) @name) @it
        """,
        "module": "(mod_item name: (_) @name body: (_)) @it",
        "macro": "(macro_definition name: (_) @name) @it",
        "constant": """
            (const_item name: (_) @name) @it
            (static_item name: (_) @name) @it
            (enum_variant name: (_) @name) @it
        """,
        "field": "(field_declaration name: (_) @name) @it",
    },
    scopes="""
        (impl_item type: (type_identifier) @name) @it
        (impl_item type: (generic_type type: (type_identifier) @name)) @it
        (impl_item type: (scoped_type_identifier name: (_) @name)) @it
        (impl_item type: (reference_type (type_identifier) @name)) @it
    """,
    references="""
        (call_expression function: (identifier) @name)
        (call_expression function: (field_expression field: (field_identifier) @name))
        (call_expression function: (scoped_identifier name: (_) @name))
        (call_expression function: (generic_function (identifier) @name))
        (macro_invocation macro: (identifier) @name)
        (struct_expression name: (type_identifier) @name)
        (impl_item trait: (type_identifier) @name)
        (impl_item trait: (generic_type type: (type_identifier) @name))
        (use_declaration argument: (scoped_identifier name: (_) @name))
        (use_list (identifier) @name)
        (use_list (scoped_identifier name: (_) @name))
        (parameter type: (type_identifier) @name)
        (parameter type: (reference_type type: (type_identifier) @name))
        (field_declaration type: (type_identifier) @name)
        (type_arguments (type_identifier) @name)
        (function_item return_type: (type_identifier) @name)
        (attribute (identifier) @name)
    """,
    above=(b"#[", b"#!["),
    bodies=frozenset(("{",)),
)
