"""The suites that ship with Slipstream, one file each."""
