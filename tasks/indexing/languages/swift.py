"""Swift."""

from slipstream.tasks.indexing.languages import Description

DESCRIPTION = Description(
    package="tree_sitter_swift",
    definitions={
        "struct": """
            (class_declaration declaration_kind: "struct" name: (type_identifier) @name) @it
        """,
        "enum": """
            (class_declaration declaration_kind: "enum" name: (type_identifier) @name) @it
        """,
        "class": """
            (class_declaration declaration_kind: "class" name: (type_identifier) @name) @it
            (class_declaration declaration_kind: "actor" name: (type_identifier) @name) @it
        """,
        "interface": "(protocol_declaration name: (_) @name) @it",
        "function": """
            (function_declaration name: (simple_identifier) @name) @it
            (protocol_function_declaration name: (simple_identifier) @name) @it
        """,
        "constructor": '(init_declaration name: "init" @name) @it',
        "method": """
            (deinit_declaration "deinit" @name) @it
            (subscript_declaration "subscript" @name) @it
        """,
        "property": """
            (class_body (property_declaration
              name: (pattern bound_identifier: (simple_identifier) @name)) @it)
            (enum_class_body (property_declaration
              name: (pattern bound_identifier: (simple_identifier) @name)) @it)
            (protocol_property_declaration
              name: (pattern bound_identifier: (simple_identifier) @name)) @it
        """,
        "constant": "(enum_entry name: (simple_identifier) @name) @it",
        "type": """
            (typealias_declaration "typealias" . name: (_) @name) @it
            (associatedtype_declaration "associatedtype" . name: (_) @name) @it
        """,
        "variable": """
            (source_file (property_declaration
              name: (pattern bound_identifier: (simple_identifier) @name)) @it)
        """,
    },
    scopes="""
        (class_declaration declaration_kind: "extension"
          name: (user_type (type_identifier) @name .)) @it
    """,
    references="""
        (call_expression . (simple_identifier) @name)
        (call_expression . (navigation_expression
          suffix: (navigation_suffix suffix: (simple_identifier) @name)))
        (inheritance_specifier inherits_from: (user_type (type_identifier) @name .))
        (import_declaration (identifier (simple_identifier) @name .))
        (type_annotation type: (user_type (type_identifier) @name .))
        (parameter type: (user_type (type_identifier) @name .))
        (type_arguments (user_type (type_identifier) @name .))
        (attribute (user_type (type_identifier) @name .))
    """,
    above=(b"@",),
    annotations=frozenset(("attribute",)),
    bodies=frozenset(("computed_property", "protocol_property_requirements")),
)
