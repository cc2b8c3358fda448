"""Effects on the stereo image."""
