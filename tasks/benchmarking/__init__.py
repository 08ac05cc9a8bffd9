"""Measuring model servers: suites, load, clients, metrics."""
