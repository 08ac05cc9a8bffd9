"""The simulated model server."""
