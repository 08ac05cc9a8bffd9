"""The prefix cache, as servers have it: whole blocks of tokens from the prompt's beginning.

vLLM counts a block as cached when its tokens and all before it were seen before, and computes at
least the last token of a prompt anew; so it is here.
"""

from __future__ import annotations

_MOST = 1_000_000  # blocks


class PrefixCache:
    """Remembers the blocks of prompts."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def add(self, tokens: list[str], block: int, model: str) -> int:
        """Remember a prompt.

        Returns:
            How many of its first tokens were known before.
        """
        if len(self._seen) > _MOST:
            self._seen.clear()
        cached, known, chain = 0, True, hash((model, block))
        for start in range(0, len(tokens) - block + 1, block):
            text = "".join(tokens[start : start + block])
            chain = hash((chain, text))
            known = known and chain in self._seen
            if known:
                cached += block
            else:
                self._seen.add(chain)
        return min(cached, max(len(tokens) - 1, 0))

    def clear(self) -> None:
        """Forget all."""
        self._seen.clear()
