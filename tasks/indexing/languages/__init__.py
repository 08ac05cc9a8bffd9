"""What tree-sitter needs to know of each language, one file each."""
