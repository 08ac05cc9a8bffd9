"""Comparisons as text, JSON, Markdown, HTML and CSV: a file for each form."""
