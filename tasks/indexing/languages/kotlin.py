"""Kotlin."""

from slipstream.tasks.indexing.languages import Description

DESCRIPTION = Description(
    package="tree_sitter_kotlin",
    definitions={
        "interface": '(class_declaration "interface" name: (_) @name) @it',
        "enum": '(class_declaration (modifiers (class_modifier "enum")) name: (_) @name) @it',
        "class": """
            (class_declaration name: (_) @name) @it
            (object_declaration name: (_) @name) @it
            (companion_object name: (_) @name) @it
        """,
        "function": "(function_declaration name: (_) @name) @it",
        "constructor": '(secondary_constructor "constructor" @name) @it',
        "property": """
            (property_declaration (variable_declaration (identifier) @name)) @it
            (class_parameter ["val" "var"] (identifier) @name) @it
        """,
        "constant": "(enum_entry (identifier) @name) @it",
        "module": "(package_header (_) @name) @it",
        "type": "(type_alias type: (identifier) @name) @it",
    },
    references="""
        (call_expression . (identifier) @name)
        (call_expression . (navigation_expression (identifier) @name .))
        (constructor_invocation (user_type (identifier) @name .))
        (delegation_specifier (user_type (identifier) @name .))
        (import (qualified_identifier (identifier) @name .))
        (parameter (user_type (identifier) @name .))
        (class_parameter (user_type (identifier) @name .))
        (variable_declaration (user_type (identifier) @name .))
        (function_declaration (user_type (identifier) @name .))
        (type_projection (user_type (identifier) @name .))
        (annotation (user_type (identifier) @name .))
    """,
    above=(b"@",),
    annotations=frozenset(("annotation",)),
    bodies=frozenset(("class_body", "enum_class_body", "function_body", "block")),
)
