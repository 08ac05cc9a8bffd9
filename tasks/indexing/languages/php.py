"""PHP, also within HTML."""

from slipstream.tasks.indexing.languages import Description

DESCRIPTION = Description(
    package="tree_sitter_php",
    grammar="language_php",
    definitions={
        "class": "(class_declaration name: (_) @name) @it",
        "interface": "(interface_declaration name: (_) @name) @it",
        "trait": "(trait_declaration name: (_) @name) @it",
        "enum": "(enum_declaration name: (_) @name) @it",
        "function": "(function_definition name: (_) @name) @it",
        "method": "(method_declaration name: (_) @name) @it",
        "property": """
            (property_declaration (property_element name: (variable_name (name) @name))) @it
            (property_promotion_parameter name: (variable_name (name) @name)) @it
        """,
        "constant": """
            (const_declaration (const_element . (name) @name)) @it
            (enum_case name: (_) @name) @it
        """,
        "namespace": "(namespace_definition name: (_) @name) @it",
    },
    references="""
        (function_call_expression function: (name) @name)
        (function_call_expression function: (qualified_name (name) @name))
        (member_call_expression name: (name) @name)
        (nullsafe_member_call_expression name: (name) @name)
        (scoped_call_expression name: (name) @name)
        (scoped_call_expression scope: (name) @name)
        (class_constant_access_expression . (name) @name)
        (object_creation_expression (name) @name)
        (object_creation_expression (qualified_name (name) @name))
        (base_clause (name) @name)
        (base_clause (qualified_name (name) @name))
        (class_interface_clause (name) @name)
        (class_interface_clause (qualified_name (name) @name))
        (use_declaration (name) @name)
        (namespace_use_clause (qualified_name (name) @name))
        (named_type (name) @name)
        (attribute (name) @name)
    """,
    separator="\\",
    comments=(b"//", b"#"),
    above=(b"#[",),
    annotations=frozenset(("attribute_list",)),
    constructors=frozenset(("__construct",)),
)
