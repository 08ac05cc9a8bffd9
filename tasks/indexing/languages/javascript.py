"""JavaScript, with JSX; what TypeScript shares with it is here too."""

from slipstream.tasks.indexing.languages import Description
from slipstream.tasks.indexing.model import Kind

FUNCTION = "[(arrow_function) (function_expression) (generator_function)]"

DEFINITIONS: dict[Kind, str] = {
    "class": """
        (class_declaration name: (_) @name) @it
        (variable_declarator name: (identifier) @name value: (class)) @it
    """,
    "method": """
        (method_definition name: (_) @name) @it
    """,
    "function": f"""
        (function_declaration name: (_) @name) @it
        (generator_function_declaration name: (_) @name) @it
        (variable_declarator name: (identifier) @name value: {FUNCTION}) @it
        (assignment_expression
          left: [(identifier) @name (member_expression property: (property_identifier) @name)]
          right: {FUNCTION}) @it
        (pair key: (property_identifier) @name value: {FUNCTION}) @it
    """,
    "variable": """
        (program (lexical_declaration (variable_declarator name: (identifier) @name) @it))
        (program (variable_declaration (variable_declarator name: (identifier) @name) @it))
        (program (export_statement
          (lexical_declaration (variable_declarator name: (identifier) @name) @it)))
    """,
}

REFERENCES = """
    (call_expression function: (identifier) @name)
    (call_expression function: (member_expression property: (property_identifier) @name))
    (new_expression constructor: (identifier) @name)
    (new_expression constructor: (member_expression property: (property_identifier) @name))
    (import_specifier name: (identifier) @name)
    (import_clause (identifier) @name)
    (export_specifier name: (identifier) @name)
"""

JSX = """
    (jsx_opening_element name: (identifier) @name)
    (jsx_self_closing_element name: (identifier) @name)
"""

DESCRIPTION = Description(
    package="tree_sitter_javascript",
    definitions={
        **DEFINITIONS,
        "method": f"""
            {DEFINITIONS["method"]}
            (field_definition property: (_) @name value: {FUNCTION}) @it
        """,
        "field": "(field_definition property: (_) @name) @it",
    },
    references=f"{REFERENCES} {JSX} (class_heritage (identifier) @name)"
    " (class_heritage (member_expression property: (property_identifier) @name))",
    above=(b"@",),
    annotations=frozenset(("decorator",)),
    constructors=frozenset(("constructor",)),
)
