"""Output summarization: read, scan, extract, rank, fit, render."""
