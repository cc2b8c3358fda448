"""Effects on the short-time spectrum."""
