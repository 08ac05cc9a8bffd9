"""The cache: what was computed once, found again by its key."""
