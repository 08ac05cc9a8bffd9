"""Markdown: a heading and what is under it, down to the next of its level."""

from slipstream.tasks.indexing.languages import Description

DESCRIPTION = Description(
    package="tree_sitter_markdown",
    definitions={
        "heading": """
            (section . (atx_heading heading_content: (_) @name)) @it
            (setext_heading heading_content: (_) @name) @it
        """
    },
    references="",
    comments=(b"<!--",),
    block=None,
)
