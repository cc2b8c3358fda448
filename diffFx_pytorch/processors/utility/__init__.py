"""Levels, fades and plumbing."""
