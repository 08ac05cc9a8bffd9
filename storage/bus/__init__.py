"""The event bus: from the outbox to streams of Redis, and from there to who subscribed.

Delivered at least once, in order per stream, bounded. See docs/events.md.
"""
