"""The tests, a package by name: some libraries install one called `tests`, which would stand before this folder."""
