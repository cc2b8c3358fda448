"""Shapers of the waveform."""
