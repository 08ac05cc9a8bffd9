"""Errors that a user can meet. Each is one sentence: what is wrong, and what to do.

SlipError                   1  the command failed
├── UsageError              2  the command line or a value is wrong
├── NotFoundError           4  what was asked for does not exist
├── AmbiguousError          2  a shortened id fits more than one
├── ConfigError             2  a configuration value is wrong where no default is safe
└── StorageError            1  the data folder or a database cannot be used
    ├── CorruptError        1  stored bytes do not have their checksum
    └── NewerSchemaError    1  the database was written by a newer Slipstream
"""

from __future__ import annotations


class SlipError(Exception):
    """Base of all errors that are shown to a user as one sentence.

    Attributes:
        exit_status: What the process exits with (see docs/cli.md).
    """

    exit_status = 1


class UsageError(SlipError):
    """The command line, or a value given on it, is wrong."""

    exit_status = 2


class NotFoundError(SlipError):
    """What was asked for does not exist."""

    exit_status = 4


class AmbiguousError(UsageError):
    """A shortened id fits more than one thing."""


class ConfigError(UsageError):
    """A configuration value is wrong and no default is safe."""


class StorageError(SlipError):
    """The data folder or a database cannot be used."""


class CorruptError(StorageError):
    """Stored bytes do not have the checksum they were stored with."""


class NewerSchemaError(StorageError):
    """The database was written by a newer Slipstream."""
