"""The simulated model server: `start` runs one in a process of its own.

    with start(Settings(ttft_ms=50, itl_ms=10)) as server:
        ...  # server.base_url, server.truth()

It is made of: settings · tokenizer, answer, calls (what is said) · chunks, profiles (as which
bytes) · running, loop, connection (when) · generation, server (to whom) · truth (what really
happened) · process.
"""

from slipstream.tasks.benchmarking.simulate.process import Simulated, serve, start
from slipstream.tasks.benchmarking.simulate.settings import ErrorKind, Settings, parse

__all__ = ["ErrorKind", "Settings", "Simulated", "parse", "serve", "start"]
