"""One file per migration, in order. A published one is never changed."""
