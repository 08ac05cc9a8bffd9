"""`python -m slipstream.cli`: the same as `slip`."""

from slipstream.cli.main import entry

entry()
