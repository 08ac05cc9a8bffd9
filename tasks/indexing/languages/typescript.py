"""TypeScript."""

from slipstream.tasks.indexing.languages import Description
from slipstream.tasks.indexing.languages.javascript import DEFINITIONS, FUNCTION, REFERENCES

DESCRIPTION = Description(
    package="tree_sitter_typescript",
    grammar="language_typescript",
    definitions={
        **DEFINITIONS,
        "class": f"""
            {DEFINITIONS["class"]}
            (abstract_class_declaration name: (_) @name) @it
        """,
        "method": f"""
            {DEFINITIONS["method"]}
            (method_signature name: (_) @name) @it
            (abstract_method_signature name: (_) @name) @it
            (public_field_definition name: (_) @name value: {FUNCTION}) @it
        """,
        "function": f"""
            {DEFINITIONS["function"]}
            (function_signature name: (_) @name) @it
        """,
        "interface": "(interface_declaration name: (_) @name) @it",
        "type": "(type_alias_declaration name: (_) @name) @it",
        "enum": "(enum_declaration name: (_) @name) @it",
        "namespace": """
            (internal_module name: (_) @name) @it
            (module name: (_) @name) @it
        """,
        "field": """
            (public_field_definition name: (_) @name) @it
            (property_signature name: (_) @name) @it
        """,
        "constant": """
            (enum_body name: (_) @name @it)
            (enum_assignment name: (_) @name) @it
        """,
        "variable": f"""
            {DEFINITIONS["variable"]}
            (ambient_declaration
              (lexical_declaration (variable_declarator name: (identifier) @name) @it))
            (internal_module body: (statement_block (export_statement
              (lexical_declaration (variable_declarator name: (identifier) @name) @it))))
        """,
    },
    references=f"""
        {REFERENCES}
        (type_annotation (type_identifier) @name)
        (type_arguments (type_identifier) @name)
        (generic_type name: (type_identifier) @name)
        (union_type (type_identifier) @name)
        (array_type (type_identifier) @name)
        (implements_clause (type_identifier) @name)
        (extends_type_clause (type_identifier) @name)
        (extends_clause value: (identifier) @name)
        (extends_clause value: (member_expression property: (property_identifier) @name))
        (decorator (identifier) @name)
        (decorator (call_expression function: (identifier) @name))
    """,
    above=(b"@",),
    annotations=frozenset(("decorator",)),
    constructors=frozenset(("constructor",)),
)
