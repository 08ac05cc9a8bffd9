"""Cases that ship, as data."""
