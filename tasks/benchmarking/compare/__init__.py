"""Runs held against each other: pairing, statistics, verdicts, history."""
