"""SQL, of no dialect in particular: what the grammar cannot read is passed over."""

from slipstream.tasks.indexing.languages import Description

DESCRIPTION = Description(
    package="tree_sitter_sql",
    definitions={
        "table": """
            (create_table (object_reference name: (_) @name)) @it
            (create_view (object_reference name: (_) @name)) @it
            (create_materialized_view (object_reference name: (_) @name)) @it
        """,
        "function": """
            (create_function (object_reference name: (_) @name)) @it
            (create_procedure (object_reference name: (_) @name)) @it
            (create_trigger (keyword_trigger) . (object_reference name: (_) @name)) @it
        """,
        "type": "(create_type (object_reference name: (_) @name)) @it",
        "namespace": """
            (create_schema (identifier) @name) @it
            (create_database (identifier) @name) @it
        """,
        "property": "(create_index column: (identifier) @name) @it",
        "field": "(create_table (column_definitions (column_definition name: (_) @name) @it))",
    },
    references="""
        (invocation (object_reference name: (_) @name))
        (relation (object_reference name: (_) @name))
        (column_definition (object_reference name: (_) @name))
    """,
    comments=(b"--",),
    bodies=frozenset(("create_query", "function_body", "procedure_body")),
)
