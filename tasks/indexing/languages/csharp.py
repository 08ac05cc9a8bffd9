"""C#."""

from slipstream.tasks.indexing.languages import Description

DESCRIPTION = Description(
    package="tree_sitter_c_sharp",
    definitions={
        "class": """
            (class_declaration name: (_) @name) @it
            (record_declaration name: (_) @name) @it
        """,
        "interface": "(interface_declaration name: (_) @name) @it",
        "struct": "(struct_declaration name: (_) @name) @it",
        "enum": "(enum_declaration name: (_) @name) @it",
        "constructor": "(constructor_declaration name: (_) @name) @it",
        "method": """
            (method_declaration name: (_) @name) @it
            (destructor_declaration name: (_) @name) @it
            (operator_declaration operator: _ @name) @it
        """,
        "function": "(local_function_statement name: (_) @name) @it",
        "property": """
            (property_declaration name: (_) @name) @it
            (event_declaration name: (_) @name) @it
        """,
        "constant": "(enum_member_declaration name: (_) @name) @it",
        "field": """
            (field_declaration (variable_declaration (variable_declarator name: (_) @name))) @it
            (event_field_declaration
              (variable_declaration (variable_declarator name: (_) @name))) @it
        """,
        "type": "(delegate_declaration name: (_) @name) @it",
        "namespace": """
            (namespace_declaration name: (_) @name) @it
            (file_scoped_namespace_declaration name: (_) @name) @it
        """,
    },
    references="""
        (invocation_expression function: (identifier) @name)
        (invocation_expression function: (generic_name (identifier) @name))
        (invocation_expression function: (member_access_expression name: (identifier) @name))
        (invocation_expression function:
          (member_access_expression name: (generic_name (identifier) @name)))
        (invocation_expression function:
          (conditional_access_expression (member_binding_expression name: (identifier) @name)))
        (object_creation_expression type: (identifier) @name)
        (object_creation_expression type: (generic_name (identifier) @name))
        (base_list (identifier) @name)
        (base_list (generic_name (identifier) @name))
        (using_directive (qualified_name name: (_) @name))
        (using_directive (identifier) @name)
        (variable_declaration type: (identifier) @name)
        (variable_declaration type: (generic_name (identifier) @name))
        (parameter type: (identifier) @name)
        (parameter type: (generic_name (identifier) @name))
        (method_declaration returns: (identifier) @name)
        (property_declaration type: (identifier) @name)
        (type_argument_list (identifier) @name)
        (attribute name: (identifier) @name)
    """,
    above=(b"[",),
    annotations=frozenset(("attribute_list",)),
)
