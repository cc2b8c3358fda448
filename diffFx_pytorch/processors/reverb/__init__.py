"""Reverbs."""
