"""The complete outputs: written while a command prints, read by line, pruned by age and size."""

from slipstream.storage.outputs.store import LogInfo, OutputStore
from slipstream.storage.outputs.writer import OutputWriter, StoredOutput

__all__ = ["LogInfo", "OutputStore", "OutputWriter", "StoredOutput"]
