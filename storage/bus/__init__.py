"""The event bus: typed events over the streams of a Redis client."""
