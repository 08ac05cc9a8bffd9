"""C. A prototype is no definition, as in the tables of contents that other tools make."""

from slipstream.tasks.indexing.languages import Description
from slipstream.tasks.indexing.model import Kind

DEFINITIONS: dict[Kind, str] = {
    "function": """
        (function_definition declarator: (function_declarator declarator: (_) @name)) @it
        (function_definition declarator:
          (pointer_declarator declarator: (function_declarator declarator: (_) @name))) @it
        (function_definition declarator: (pointer_declarator declarator:
          (pointer_declarator declarator: (function_declarator declarator: (_) @name)))) @it
    """,
    "struct": """
        (struct_specifier name: (_) @name body: (_)) @it
        (union_specifier name: (_) @name body: (_)) @it
        (type_definition type: (struct_specifier !name body: (_))
          declarator: (type_identifier) @name) @it
        (type_definition type: (union_specifier !name body: (_))
          declarator: (type_identifier) @name) @it
    """,
    "enum": """
        (enum_specifier name: (_) @name body: (_)) @it
        (type_definition type: (enum_specifier !name body: (_))
          declarator: (type_identifier) @name) @it
    """,
    "type": """
        (type_definition type: (struct_specifier name: (_) body: (_))
          declarator: (type_identifier) @name @it)
        (type_definition type: (union_specifier name: (_) body: (_))
          declarator: (type_identifier) @name @it)
        (type_definition type: (enum_specifier name: (_) body: (_))
          declarator: (type_identifier) @name @it)
        (type_definition declarator: (type_identifier) @name) @it
        (type_definition declarator: (pointer_declarator (type_identifier) @name)) @it
        (type_definition declarator: (array_declarator declarator: (type_identifier) @name)) @it
        (type_definition declarator: (function_declarator declarator:
          (parenthesized_declarator (pointer_declarator (type_identifier) @name)))) @it
    """,
    "macro": """
        (preproc_def name: (_) @name) @it
        (preproc_function_def name: (_) @name) @it
    """,
    "constant": "(enumerator name: (_) @name) @it",
    "field": """
        (field_declaration declarator: (field_identifier) @name) @it
        (field_declaration declarator: (pointer_declarator (field_identifier) @name)) @it
        (field_declaration declarator: (array_declarator
          declarator: (field_identifier) @name)) @it
        (field_declaration declarator: (function_declarator declarator:
          (parenthesized_declarator (pointer_declarator (field_identifier) @name)))) @it
    """,
}

VARIABLE = """
    (declaration declarator: (identifier) @name) @it
    (declaration declarator: (pointer_declarator (identifier) @name)) @it
    (declaration declarator: (array_declarator declarator: (identifier) @name)) @it
    (declaration declarator: (init_declarator declarator: (identifier) @name)) @it
    (declaration declarator: (init_declarator
      declarator: (pointer_declarator (identifier) @name))) @it
    (declaration declarator: (init_declarator
      declarator: (array_declarator declarator: (identifier) @name))) @it
    (declaration declarator: (init_declarator declarator: (pointer_declarator
      declarator: (array_declarator declarator: (identifier) @name)))) @it
"""
REFERENCES = """
    (call_expression function: (identifier) @name)
    (call_expression function: (field_expression field: (field_identifier) @name))
    (preproc_include path: (_) @name)
    (parameter_declaration type: (type_identifier) @name)
    (parameter_declaration type: (struct_specifier name: (_) @name))
    (declaration type: (type_identifier) @name)
    (declaration type: (struct_specifier name: (_) @name !body))
    (field_declaration type: (type_identifier) @name)
    (field_declaration type: (struct_specifier name: (_) @name !body))
    (function_definition type: (type_identifier) @name)
    (cast_expression type: (type_descriptor type: (type_identifier) @name))
    (sizeof_expression type: (type_descriptor type: (type_identifier) @name))
"""

DESCRIPTION = Description(
    package="tree_sitter_c",
    definitions={**DEFINITIONS, "variable": VARIABLE},
    references=REFERENCES,
)
