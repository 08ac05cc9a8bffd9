"""Configuration: files, environment and flags, resolved once into one plain object."""
