"""Tasks that ship, as data."""
