"""Go."""

from slipstream.tasks.indexing.languages import Description

DESCRIPTION = Description(
    package="tree_sitter_go",
    definitions={
        "function": "(function_declaration name: (_) @name) @it",
        "method": """
            (method_declaration
              receiver: (parameter_list (parameter_declaration type: [
                (type_identifier) @scope
                (pointer_type (type_identifier) @scope)
                (generic_type type: (type_identifier) @scope)
                (pointer_type (generic_type type: (type_identifier) @scope))
              ]))
              name: (_) @name) @it
            (method_elem name: (_) @name) @it
        """,
        "struct": "(type_spec name: (_) @name type: (struct_type)) @it",
        "interface": "(type_spec name: (_) @name type: (interface_type)) @it",
        "type": """
            (type_spec name: (_) @name) @it
            (type_alias name: (_) @name) @it
        """,
        "field": "(field_declaration name: (_) @name) @it",
        "constant": "(source_file (const_declaration (const_spec name: (identifier) @name) @it))",
        "variable": """
            (source_file (var_declaration (var_spec name: (identifier) @name) @it))
            (source_file (var_declaration (var_spec_list (var_spec name: (identifier) @name) @it)))
        """,
        "module": "(package_clause (package_identifier) @name) @it",
    },
    references="""
        (call_expression function: (identifier) @name)
        (call_expression function: (selector_expression field: (_) @name))
        (composite_literal type: (type_identifier) @name)
        (qualified_type name: (_) @name)
        (parameter_declaration type: (type_identifier) @name)
        (pointer_type (type_identifier) @name)
        (field_declaration type: (type_identifier) @name)
        (field_declaration !name type: (type_identifier) @name)
    """,
    bodies=frozenset(("field_declaration_list", "{")),
)
