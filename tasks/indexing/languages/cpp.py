"""C++."""

from slipstream.tasks.indexing.languages import Description, c

DESCRIPTION = Description(
    package="tree_sitter_cpp",
    definitions={
        **c.DEFINITIONS,
        "function": f"""
            {c.DEFINITIONS["function"]}
            (function_definition declarator:
              (reference_declarator (function_declarator declarator: (_) @name))) @it
            (function_definition declarator: (operator_cast) @name) @it
        """,
        "method": """
            (field_declaration declarator: (function_declarator
              declarator: (field_identifier) @name)) @it
            (field_declaration declarator: (pointer_declarator (function_declarator
              declarator: (field_identifier) @name))) @it
            (field_declaration declarator: (reference_declarator (function_declarator
              declarator: (field_identifier) @name))) @it
            (field_declaration declarator: (function_declarator
              declarator: (operator_name) @name)) @it
            (field_declaration declarator: (reference_declarator (function_declarator
              declarator: (operator_name) @name))) @it
            (field_declaration_list (declaration declarator: (function_declarator
              declarator: [(identifier) (destructor_name)] @name)) @it)
        """,
        "class": "(class_specifier name: (_) @name body: (_)) @it",
        "namespace": "(namespace_definition name: (_) @name) @it",
        "type": f"""
            {c.DEFINITIONS["type"]}
            (alias_declaration name: (_) @name) @it
            (concept_definition name: (_) @name) @it
        """,
        "variable": c.VARIABLE,
    },
    references=f"""
        {c.REFERENCES}
        (call_expression function: (qualified_identifier name: (identifier) @name))
        (call_expression function: (template_function name: (identifier) @name))
        (call_expression function: (qualified_identifier
          name: (template_function name: (identifier) @name)))
        (new_expression type: (type_identifier) @name)
        (new_expression type: (qualified_identifier name: (type_identifier) @name))
        (base_class_clause (type_identifier) @name)
        (base_class_clause (qualified_identifier name: (type_identifier) @name))
        (base_class_clause (template_type name: (type_identifier) @name))
        (template_type name: (type_identifier) @name)
        (qualified_identifier name: (type_identifier) @name)
        (using_declaration (qualified_identifier name: (_) @name))
    """,
    separator="::",
    above=(b"template", b"[["),
)
