"""What the cache did: exact counters, counts by time, histograms; kept in the main database.

A `Recorder` listens to a store. What it writes outlives the cache, which may be deleted at any
time, and stays on this machine.

    recorder = Recorder(home, sample=1.0)
    recorder.attach(store)
"""

from slipstream.storage.telemetry.recorder import Recorder

__all__ = ["Recorder"]
