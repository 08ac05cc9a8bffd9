"""The code index: git, keys, parsing, chunks, search, map."""
