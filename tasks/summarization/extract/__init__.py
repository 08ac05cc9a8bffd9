"""Extraction rules, one file per tool family."""
