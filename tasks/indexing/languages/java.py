"""Java."""

from slipstream.tasks.indexing.languages import Description

DESCRIPTION = Description(
    package="tree_sitter_java",
    definitions={
        "class": """
            (class_declaration name: (_) @name) @it
            (record_declaration name: (_) @name) @it
        """,
        "interface": """
            (interface_declaration name: (_) @name) @it
            (annotation_type_declaration name: (_) @name) @it
        """,
        "enum": "(enum_declaration name: (_) @name) @it",
        "method": """
            (method_declaration name: (_) @name) @it
            (annotation_type_element_declaration name: (_) @name) @it
        """,
        "constructor": """
            (constructor_declaration name: (_) @name) @it
            (compact_constructor_declaration name: (_) @name) @it
        """,
        "constant": """
            (enum_constant name: (_) @name) @it
            (constant_declaration declarator: (variable_declarator name: (_) @name)) @it
        """,
        "field": "(field_declaration declarator: (variable_declarator name: (_) @name)) @it",
        "module": "(package_declaration (_) @name) @it",
    },
    references="""
        (method_invocation name: (_) @name)
        (object_creation_expression type: (type_identifier) @name)
        (object_creation_expression type: (generic_type (type_identifier) @name))
        (method_reference (identifier) @name .)
        (superclass (type_identifier) @name)
        (superclass (generic_type (type_identifier) @name))
        (type_list (type_identifier) @name)
        (type_list (generic_type (type_identifier) @name))
        (import_declaration (scoped_identifier name: (_) @name))
        (formal_parameter type: (type_identifier) @name)
        (formal_parameter type: (generic_type (type_identifier) @name))
        (field_declaration type: (type_identifier) @name)
        (field_declaration type: (generic_type (type_identifier) @name))
        (local_variable_declaration type: (type_identifier) @name)
        (method_declaration type: (type_identifier) @name)
        (type_arguments (type_identifier) @name)
        (marker_annotation name: (identifier) @name)
        (annotation name: (identifier) @name)
    """,
    above=(b"@",),
    annotations=frozenset(("annotation", "marker_annotation")),
)
