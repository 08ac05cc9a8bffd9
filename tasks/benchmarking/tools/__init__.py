"""Whether a model calls the right tools with the right arguments."""
